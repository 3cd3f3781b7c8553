"""Weights to start from or to export: whatever form they come in."""

from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.serialization import safe_globals

from shared.checkpoints.architectures import recognise
from shared.checkpoints.manifest import MANIFEST_NAME, CheckpointError, ModelName
from shared.checkpoints.reading import load, why_unreadable
from shared.checkpoints.writing import UNUSED
from training.errors import TrainingError
from training.run_folder import StateDict
from training.vocoder import vocos_prototype

AVERAGES = ("average", "ema")
WEIGHTS = ("model_state", "model")
NETWORKS: dict[ModelName, str] = {"vocoder": "wavernn", "vocos": "vocos"}
NUMBERS: list[Any] = [np.float64().__reduce__()[0], np.dtype, type(np.dtype(np.float64))]
"""The functions that read numpy's floats: an optimizer's state may hold one as its rate."""
MAX_NAME_CHARACTERS = 200  # of a message that lists parameters


def read_weights(path: Path, *, averaged: bool = True) -> StateDict:
    """The services' names, which are RTVC's where it has the model, and their tensors, float32.

    path: the folder of a run, a folder of checkpoints/, or a file: a run's state.pt, an RTVC
    checkpoint, a bare state dict, a state of the first recipe ({"model", "ema"}) or of the first
    Vocos ({"g", "d", "ema"}).
    averaged: take the running average where there is one, which speaks better; without it the
    weights that were trained last, from which a training goes on better.

    Raises CheckpointError for a file that holds none; OSError.
    """
    if (path / MANIFEST_NAME).exists():
        return load(path).state_dict
    content = _content(path)
    if vocos_prototype.wrote(content):
        return vocos_prototype.weights(content, averaged=averaged)
    for name in (*(AVERAGES if averaged else ()), *WEIGHTS):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not all(map(torch.is_tensor, content.values())):
        raise CheckpointError(f"{path} holds no weights under the names of the services' models")
    return {name: tensor for name, tensor in content.items() if name not in UNUSED}


def read_discriminators(path: Path) -> StateDict | None:
    """Those that the weights were trained against; None where they are not kept.

    path: as `read_weights` takes it. Raises CheckpointError, OSError.
    """
    if (path / MANIFEST_NAME).exists():
        return None
    content = _content(path)
    if vocos_prototype.wrote(content):
        return vocos_prototype.discriminators(content)
    kept = content.get("discriminators") if isinstance(content, dict) else None
    return kept["model"] if kept else None


def _content(path: Path) -> Any:
    file = path / "state.pt" if path.is_dir() else path
    try:
        with safe_globals(NUMBERS):
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            f"{file} is not there; give a run's folder, a folder of checkpoints/ or a .pt file"
        ) from None
    except OSError:
        raise
    except Exception as error:  # whatever zipfile and torch raise on a malformed archive
        raise CheckpointError(f"{file} holds no weights: {why_unreadable(error)}") from None


def start_from(model: nn.Module, path: Path) -> None:
    """Load the weights that were trained last. path: as `read_weights` takes it.

    Raises TrainingError for those of another model or size; CheckpointError; OSError.
    """
    fill(model, read_weights(path, averaged=False), path, "give other weights, or --size")


def fill(model: nn.Module, weights: StateDict, path: Path, remedy: str) -> None:
    """Load weights that came from `path`. Raises TrainingError for another model's or size's."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = shorten(str(error).splitlines()[-1], MAX_NAME_CHARACTERS, placeholder=" …")
        network, other = _network(model.state_dict()), _network(weights)
        if network and other and network != other:
            remedy = f"give --network {other}"
        raise TrainingError(f"{path} is of another size or model ({reason}); {remedy}") from None


def _network(weights: StateDict) -> str | None:
    """A vocoder's network, as `--network` names it; None for any other model."""
    try:
        return NETWORKS.get(recognise(weights))
    except CheckpointError:
        return None
