"""The training loop, shared by all models.

The random numbers of a step follow from its number: clips, windows, dropout. A resumed run
therefore continues exactly as an uninterrupted one, on the same data and machine.
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

from training import TrainingError
from training.recipes import Schedule
from training.run_folder import LearnerState, RunFolder, State, StateDict
from training.weights import load_weights

B = TypeVar("B")

MAX_DECAY = 0.999  # of the running average per step; less at first
REPORT_EVERY = 25  # steps


class Learner:
    """A network and its optimizer (AdamW)."""

    def __init__(self, model: nn.Module, schedule: Schedule) -> None:
        self.model, self._schedule = model, schedule
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(
            parameters,
            betas=(schedule.beta1, schedule.beta2),
            weight_decay=schedule.weight_decay,
            fused=True,
        )

    def minimise(self, loss: Tensor, step: int) -> Tensor:
        """Take one optimizer step. Returns the gradient's norm before clipping."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._schedule.rate_at(step)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self._schedule.max_gradient)
        if norm.isfinite():  # bfloat16 may overflow; then the step is skipped
            self._optimizer.step()
        return norm

    def state(self) -> LearnerState:
        return LearnerState(self.model.state_dict(), self._optimizer.state_dict())

    def restore(self, saved: LearnerState, file: Path) -> None:
        """Load a state read from `file`. Raises TrainingError for another network's state."""
        load_weights(self.model, saved.model, file, "use another folder")
        self._optimizer.load_state_dict(saved.optimizer)
        for group in self._optimizer.param_groups:
            group["fused"] = True  # runs of older versions were saved without it


class Task(Protocol[B]):
    """A model, its data and its losses. B: a batch."""

    @property
    def model(self) -> nn.Module: ...

    @property
    def schedule(self) -> Schedule: ...

    @property
    def seed(self) -> int: ...

    @property
    def discriminators(self) -> Learner | None:
        """Networks that the model is trained against. `losses` trains them; the run saves them."""
        ...

    def batch(self, step: int) -> B:
        """The batch of a step, which depends on the step alone. Called from another thread."""
        ...

    def losses(self, batch: B, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss to minimise, and the scalars to log."""
        ...

    def plot(self, average: StateDict, file: Path) -> None:
        """Plot the averaged weights' output for one clip as PNG, with a sound file if it has
        one."""
        ...


class Trainer(Generic[B]):
    def __init__(
        self, task: Task[B], folder: RunFolder, report: Callable[[str], None] = lambda line: None
    ) -> None:
        """Resume the run in the folder, or begin one. Raises TrainingError."""
        self._task, self._folder, self._report = task, folder, report
        self._learner = Learner(task.model, task.schedule)
        self.steps = 0
        folder.prepare()
        if saved := folder.load():
            self._resume(saved)
        else:
            weights = task.model.state_dict()
            self._average = {name: value.clone() for name, value in weights.items()}
        folder.truncate_log(self.steps)

    def _resume(self, saved: State) -> None:
        self._learner.restore(saved.learner, self._folder.state_file)
        if self._task.discriminators and saved.discriminators:
            self._task.discriminators.restore(saved.discriminators, self._folder.state_file)
        device = next(self._task.model.parameters()).device
        self._average = {name: value.to(device) for name, value in saved.average.items()}
        self.steps = saved.steps

    def run(self) -> None:
        """Train until the run has all steps of its schedule. Raises TrainingError for a loss that
        is not finite."""
        schedule = self._task.schedule
        if self.steps >= schedule.steps:
            self._report(f"the run has {self.steps} steps already; raise --steps to train on")
            return
        if self.steps:
            self._report(f"resuming after step {self.steps}")
        self._task.model.train()
        with ThreadPoolExecutor(1) as loader, self._folder.log_file.open("a", buffering=1) as log:
            next_batch, since = loader.submit(self._task.batch, self.steps), time.monotonic()
            while self.steps < schedule.steps:
                batch = next_batch.result()
                next_batch = loader.submit(self._task.batch, self.steps + 1)
                losses = self._step(batch)
                self._log(log, losses)
                if self.steps % REPORT_EVERY == 0:
                    seconds, since = (time.monotonic() - since) / REPORT_EVERY, time.monotonic()
                    self._report_losses(losses, seconds)
                if self.steps % schedule.save_every == 0 or self.steps == schedule.steps:
                    self.save()
                if self.steps % schedule.plot_every == 0 or self.steps == schedule.steps:
                    self._plot()
        self._report(f"finished: {self.steps} steps, saved in {self._folder.folder}")

    def _step(self, batch: B) -> dict[str, float]:
        # Runs of different seeds share no random state within a million steps.
        torch.manual_seed(self._task.seed * 1_000_003 + self.steps)
        total, losses = self._task.losses(batch, self.steps)
        gradient = self._learner.minimise(total, self.steps)
        logged = {name: loss.item() for name, loss in {**losses, "gradient": gradient}.items()}
        if not total.isfinite():
            raise TrainingError(f"the loss of step {self.steps + 1} is not finite; lower --rate")
        rate = self._task.schedule.rate_at(self.steps)
        self.steps += 1
        self._count_step()
        self._update_average()
        return {**logged, "rate": rate}

    def _count_step(self) -> None:
        """Count in the model, which keeps the steps of all its runs."""
        step = self._task.model.step
        assert isinstance(step, Tensor)
        step.data += 1

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the running average towards the weights, faster in the first steps."""
        decay = min(MAX_DECAY, (1 + self.steps) / (10 + self.steps))
        for name, value in self._task.model.state_dict().items():
            if value.is_floating_point():
                self._average[name].lerp_(value, 1 - decay)
            else:
                self._average[name].copy_(value)

    def save(self) -> None:
        learner = self._task.discriminators
        discriminators = learner.state() if learner else None
        self._folder.save(State(self._learner.state(), self._average, self.steps, discriminators))

    def _log(self, log: IO[str], losses: dict[str, float]) -> None:
        """Log a step. JSON has no infinity: a gradient that overflowed becomes null."""
        finite = {name: loss if math.isfinite(loss) else None for name, loss in losses.items()}
        log.write(json.dumps({"step": self.steps, **finite}) + "\n")

    def _report_losses(self, losses: dict[str, float], seconds: float) -> None:
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
        self._report(f"step {self.steps}  {numbers}  {seconds:.2f} s per step")

    def _plot(self) -> None:
        self._task.plot(self._average, self._folder.plots / f"{self.steps:07d}.png")
