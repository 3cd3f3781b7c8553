"""The folder of a training run, and how a killed run finds back to where it was saved.

state.pt        weights, their running average, the optimizer's state; the discriminators
losses.jsonl    one line a step
pictures/       what the model made of a clip, every so many steps
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from shared.atomic_files import PARTS, replacing
from shared.checkpoints.reading import why_unreadable
from training.errors import TrainingError

StateDict = dict[str, torch.Tensor]


@dataclass(frozen=True)
class LearnerState:
    model: StateDict
    optimizer: dict[str, Any]


@dataclass(frozen=True)
class State:
    """All that a step needs of those before it. Random numbers and the place in the data follow
    from the step's number."""

    learner: LearnerState
    average: StateDict
    steps: int
    """Made in this run."""
    discriminators: LearnerState | None = None


class RunFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_file = folder / "state.pt"
        self.log_file = folder / "losses.jsonl"
        self.pictures = folder / "pictures"

    def prepare(self) -> None:
        self.pictures.mkdir(parents=True, exist_ok=True)
        for part in self.folder.rglob(PARTS):  # of a run that was killed while it saved
            part.unlink()

    def load(self) -> State | None:
        """None for a run that was never saved. Raises TrainingError for a file that is no state."""
        if not self.state_file.exists():
            return None
        try:
            content = torch.load(self.state_file, map_location="cpu", weights_only=True)
            learner = LearnerState(content["model_state"], content["optimizer"])
            against = content.get("discriminators")
            discriminators = LearnerState(**against) if against else None
            return State(learner, content["average"], content["steps"], discriminators)
        except Exception as error:  # whatever zipfile and torch raise on a malformed archive
            raise TrainingError(
                f"{self.state_file} is no state of a run ({why_unreadable(error)}); "
                "give another folder"
            ) from None

    def save(self, state: State) -> None:
        """The weights under RTVC's names, where `better checkpoints split` finds them too."""
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

    def forget_after(self, steps: int) -> None:
        """Drop from the log what a killed run did after it was last saved: it is done again."""
        if not self.log_file.exists():
            return
        lines = self.log_file.read_text().splitlines(keepends=True)
        kept = [line for line in lines if _is_before(line, steps)]
        with replacing(self.log_file) as part:
            part.write_text("".join(kept))


def _is_before(line: str, steps: int) -> bool:
    """False too for a line that a kill or a power cut left in pieces."""
    try:
        return line.endswith("\n") and bool(json.loads(line)["step"] <= steps)
    except (KeyError, TypeError, ValueError):
        return False
