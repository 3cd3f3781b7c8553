"""The folder of a training run, from which a stopped run resumes.

state.pt        weights, their running average, optimizer state, discriminators
losses.jsonl    one line per step
plots/          the model's output for one clip, every thousand steps
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shared.atomic_files import PARTS, replacing
from shared.checkpoints.reading import why_unreadable
from training import TrainingError

StateDict = dict[str, torch.Tensor]


@dataclass(frozen=True)
class LearnerState:
    model: StateDict
    optimizer: dict[str, Any]


@dataclass(frozen=True)
class State:
    """Everything that a run needs to resume. Random numbers and the position in the data follow
    from the step number."""

    learner: LearnerState
    average: StateDict
    steps: int
    """Completed in this run."""
    discriminators: LearnerState | None = None


class RunFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_file = folder / "state.pt"
        self.log_file = folder / "losses.jsonl"
        self.plots = folder / "plots"

    def prepare(self) -> None:
        """Create the folder, and delete files left half-written by a killed run."""
        self.plots.mkdir(parents=True, exist_ok=True)
        for part in self.folder.rglob(PARTS):
            part.unlink()

    def load(self) -> State | None:
        """The saved state; None before the first save. Raises TrainingError for an unreadable
        file."""
        if not self.state_file.exists():
            return None
        try:
            content = torch.load(self.state_file, map_location="cpu", weights_only=True)
            learner = LearnerState(content["model_state"], content["optimizer"])
            saved = content.get("discriminators")
            discriminators = LearnerState(**saved) if saved else None
            return State(learner, content["average"], content["steps"], discriminators)
        except Exception as error:  # zipfile and torch raise many kinds for a malformed archive
            raise TrainingError(
                f"{self.state_file} is not the state of a run ({why_unreadable(error)}); "
                "use another folder"
            ) from None

    def save(self, state: State) -> None:
        """Save atomically. The weights keep RTVC's names, which `better checkpoints split`
        reads."""
        content: dict[str, Any] = {
            "model_state": state.learner.model,
            "average": state.average,
            "optimizer": state.learner.optimizer,
            "steps": state.steps,
        }
        if state.discriminators:
            content["discriminators"] = {
                "model": state.discriminators.model,
                "optimizer": state.discriminators.optimizer,
            }
        with replacing(self.state_file) as part:
            torch.save(content, part)

    def truncate_log(self, steps: int) -> None:
        """Drop the log's lines after `steps`: a resumed run repeats those steps."""
        if not self.log_file.exists():
            return
        lines = self.log_file.read_text().splitlines(keepends=True)
        kept = [line for line in lines if _is_within(line, steps)]
        with replacing(self.log_file) as part:
            part.write_text("".join(kept))


def _is_within(line: str, steps: int) -> bool:
    """False also for a line damaged by a kill or a power cut."""
    try:
        return line.endswith("\n") and bool(json.loads(line)["step"] <= steps)
    except (KeyError, TypeError, ValueError):
        return False
