"""The training loop, the same for all models.

A step's random numbers are drawn from its own number: which clips, which windows, which dropout.
So a run that was killed goes on exactly as if it had not been, on the same data and machine.
"""

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.recipes import Pace
from training.run_folder import LearnerState, RunFolder, State, StateDict
from training.weights import fill

B = TypeVar("B")

MAX_AVERAGE_STEPS = 0.999  # of the average stays at each step, once there have been enough
REPORT_EVERY = 25  # steps


class Learner:
    """A network and its optimizer."""

    def __init__(self, model: nn.Module, pace: Pace) -> None:
        self.model, self._pace = model, pace
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(
            learning, betas=(pace.beta1, pace.beta2), weight_decay=pace.weight_decay, fused=True
        )

    def descend(self, loss: Tensor, step: int) -> Tensor:
        """Make the loss smaller. Returns the norm of its gradient, before that was cut."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._pace.rate_at(step)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self._pace.max_gradient)
        if norm.isfinite():  # bfloat16 may overflow; the step is skipped then
            self._optimizer.step()
        return norm

    def state(self) -> LearnerState:
        return LearnerState(self.model.state_dict(), self._optimizer.state_dict())

    def take_up(self, saved: LearnerState, file: Path) -> None:
        """Raises TrainingError for another network's state, which `file` holds."""
        fill(self.model, saved.model, file, "give another folder")
        self._optimizer.load_state_dict(saved.optimizer)
        for group in self._optimizer.param_groups:
            group["fused"] = True  # also in a run of before it was


class Task(Protocol[B]):
    """What is learnt. total: what is minimised. A batch depends on the step alone, and is made in
    another thread."""

    @property
    def model(self) -> nn.Module: ...

    @property
    def pace(self) -> Pace: ...

    @property
    def seed(self) -> int: ...

    def batch(self, step: int) -> B: ...

    @property
    def discriminators(self) -> Learner | None:
        """Networks against which the model learns; `losses` trains them, a run keeps them."""
        ...

    def losses(self, batch: B, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and what goes into the log: scalars."""
        ...

    def draw(self, average: StateDict, picture: Path) -> None:
        """What the averaged weights make of a clip, as PNG (and what else belongs beside it)."""
        ...


class Trainer(Generic[B]):
    def __init__(
        self, task: Task[B], folder: RunFolder, say: Callable[[str], None] = lambda line: None
    ) -> None:
        """Takes up the run in the folder, if there is one. Raises TrainingError."""
        self._task, self._folder, self._say = task, folder, say
        self._learner = Learner(task.model, task.pace)
        self.steps = 0
        folder.prepare()
        if saved := folder.load():
            self._take_up(saved)
        else:
            weights = task.model.state_dict()
            self._average = {name: value.clone() for name, value in weights.items()}
        folder.forget_after(self.steps)

    def _take_up(self, saved: State) -> None:
        self._learner.take_up(saved.learner, self._folder.state_file)
        if self._task.discriminators and saved.discriminators:
            self._task.discriminators.take_up(saved.discriminators, self._folder.state_file)
        device = next(self._task.model.parameters()).device
        self._average = {name: value.to(device) for name, value in saved.average.items()}
        self.steps = saved.steps

    def run(self) -> None:
        """Train until the run has all the steps of its pace; saved every so many, and at the end.

        Raises TrainingError when the loss is no number.
        """
        pace = self._task.pace
        if self.steps >= pace.steps:
            self._say(f"{self.steps} steps are made already; ask for more than that with --steps")
            return
        if self.steps:
            self._say(f"goes on after step {self.steps}")
        self._task.model.train()
        with ThreadPoolExecutor(1) as loader, self._folder.log_file.open("a", buffering=1) as log:
            ahead, since = loader.submit(self._task.batch, self.steps), time.monotonic()
            while self.steps < pace.steps:
                batch = ahead.result()
                ahead = loader.submit(self._task.batch, self.steps + 1)
                losses = self._step(batch)
                self._log(log, losses)
                if self.steps % REPORT_EVERY == 0:
                    seconds, since = (time.monotonic() - since) / REPORT_EVERY, time.monotonic()
                    self._report(losses, seconds)
                if self.steps % pace.save_every == 0 or self.steps == pace.steps:
                    self.save()
                if self.steps % pace.draw_every == 0 or self.steps == pace.steps:
                    self._draw()
        self._say(f"all {self.steps} steps are made and saved in {self._folder.folder}")

    def _step(self, batch: B) -> dict[str, float]:
        # Seeds of one run do not meet those of another within a million steps.
        torch.manual_seed(self._task.seed * 1_000_003 + self.steps)
        total, losses = self._task.losses(batch, self.steps)
        gradient = self._learner.descend(total, self.steps)
        logged = {name: loss.item() for name, loss in {**losses, "gradient": gradient}.items()}
        if not total.isfinite():
            raise TrainingError(f"the loss at step {self.steps + 1} is no number; lower --rate")
        rate = self._task.pace.rate_at(self.steps)
        self.steps += 1
        self._count_in_model()
        self._follow()
        return {**logged, "rate": rate}

    def _count_in_model(self) -> None:
        """The models count their steps, those before this run among them."""
        step = self._task.model.step
        assert isinstance(step, Tensor)
        step.data += 1

    @torch.no_grad()
    def _follow(self) -> None:
        """Bring the average nearer to the weights, fast at first."""
        stays = min(MAX_AVERAGE_STEPS, (1 + self.steps) / (10 + self.steps))
        for name, value in self._task.model.state_dict().items():
            if value.is_floating_point():
                self._average[name].lerp_(value, 1 - stays)
            else:
                self._average[name].copy_(value)

    def save(self) -> None:
        against = self._task.discriminators
        discriminators = against.state() if against else None
        self._folder.save(State(self._learner.state(), self._average, self.steps, discriminators))

    def _log(self, log: IO[str], losses: dict[str, float]) -> None:
        """JSON knows no infinity: a gradient that overflowed is null."""
        known = {name: loss if math.isfinite(loss) else None for name, loss in losses.items()}
        log.write(json.dumps({"step": self.steps, **known}) + "\n")

    def _report(self, losses: dict[str, float], seconds: float) -> None:
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
        self._say(f"step {self.steps}  {numbers}  {seconds:.2f} s a step")

    def _draw(self) -> None:
        self._task.draw(self._average, self._folder.pictures / f"{self.steps:07d}.png")
