"""Trained weights in every form: reading, starting a run, exporting to a checkpoint folder."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.serialization import safe_globals

from shared.checkpoints.architectures import recognise
from shared.checkpoints.manifest import MANIFEST_NAME, CheckpointError, Manifest, ModelName
from shared.checkpoints.reading import load, why_unreadable
from shared.checkpoints.writing import UNUSED, DiskDtype, write
from training import TrainingError
from training.recipes import INFERENCE_DROPOUT
from training.run_folder import StateDict
from training.vocoder import vocos_prototype

AVERAGE_KEYS = ("average", "ema")
WEIGHT_KEYS = ("model_state", "model")
NETWORKS: dict[ModelName, str] = {"vocoder": "wavernn", "vocos": "vocos"}  # as in --network
NUMPY_FLOATS: list[Any] = [np.float64().__reduce__()[0], np.dtype, type(np.dtype(np.float64))]
"""Needed to unpickle numpy's floats: an optimizer state may hold one as its learning rate."""
MAX_REASON_CHARACTERS = 200  # of an error message that lists parameters


def read_weights(path: Path, *, averaged: bool = True) -> StateDict:
    """Weights as float32 tensors under the services' names, which are RTVC's where it has the
    model.

    path: a run's folder, a folder of checkpoints/, or a file: a run's state.pt, an RTVC checkpoint,
    a bare state dict, or a state of the first recipe ({"model", "ema"}) or of the Vocos prototype
    ({"g", "d", "ema"}).
    averaged: prefer the running average, which sounds better. The last trained weights are the
    better start of another run.

    Raises CheckpointError for a file without weights; OSError.
    """
    if (path / MANIFEST_NAME).exists():
        return load(path).state_dict
    content = _read(path)
    if vocos_prototype.is_state(content):
        return vocos_prototype.weights(content, averaged=averaged)
    for name in (*(AVERAGE_KEYS if averaged else ()), *WEIGHT_KEYS):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not all(map(torch.is_tensor, content.values())):
        raise CheckpointError(f"{path} holds no weights under the names of the services' models")
    return {name: tensor for name, tensor in content.items() if name not in UNUSED}


def read_discriminators(path: Path) -> StateDict | None:
    """The discriminators saved with the weights, or None. path: as in `read_weights`.

    Raises CheckpointError, OSError.
    """
    if (path / MANIFEST_NAME).exists():
        return None
    content = _read(path)
    if vocos_prototype.is_state(content):
        return vocos_prototype.discriminators(content)
    saved = content.get("discriminators") if isinstance(content, dict) else None
    return saved["model"] if saved else None


def _read(path: Path) -> Any:
    file = path / "state.pt" if path.is_dir() else path
    try:
        with safe_globals(NUMPY_FLOATS):
            return torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            f"{file} does not exist; give a run's folder, a folder of checkpoints/ or a .pt file"
        ) from None
    except OSError:
        raise
    except Exception as error:  # zipfile and torch raise many kinds for a malformed archive
        raise CheckpointError(f"{file} holds no weights: {why_unreadable(error)}") from None


def start_from(model: nn.Module, path: Path) -> None:
    """Load the last trained weights. path: as in `read_weights`.

    Raises TrainingError for weights of another model or size; CheckpointError; OSError.
    """
    load_weights(model, read_weights(path, averaged=False), path, "give other weights, or --size")


def load_weights(model: nn.Module, weights: StateDict, path: Path, remedy: str) -> None:
    """Load weights read from `path`. Raises TrainingError for another model or size."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = shorten(str(error).splitlines()[-1], MAX_REASON_CHARACTERS, placeholder=" …")
        network, other = _network(model.state_dict()), _network(weights)
        if network and other and network != other:
            remedy = f"give --network {other}"
        raise TrainingError(f"{path} is of another size or model ({reason}); {remedy}") from None


def _network(weights: StateDict) -> str | None:
    """A vocoder's network, as in `--network`; None for other models."""
    try:
        return NETWORKS.get(recognise(weights))
    except CheckpointError:
        return None


def require_finite(weights: Mapping[str, Tensor], path: Path) -> None:
    """Raises TrainingError for weights read from `path` with NaN or infinity."""
    for name, value in weights.items():
        if not value.isfinite().all():
            raise TrainingError(f"{path}: {name} holds NaN or infinity; give other weights")


def export(
    run: Path,
    folder: Path,
    *,
    source: str,
    licence: str,
    dtype: DiskDtype = "float16",
    notice: str | None = None,
    dropout: float | None = None,
    mean_with: Path | None = None,
    force: bool = False,
) -> Manifest:
    """Write the averaged weights as a checkpoint folder that the services load.

    run: as `path` in `read_weights`. dropout: of a synthesizer's prenets at inference;
    INFERENCE_DROPOUT by default. mean_with: write the mean of the run's weights and these, as
    `path` in `read_weights`. Give those that the run started from: the mean often keeps most of
    what was learnt and loses less of their quality (M. Wortsman et al., "Robust fine-tuning of
    zero-shot models", arXiv:2109.01903).

    Raises CheckpointError as `shared.checkpoints.writing.write` does; TrainingError for weights of
    another network in `mean_with`; OSError.
    """
    weights = read_weights(run)
    if mean_with:
        weights = _mean(weights, read_weights(mean_with), mean_with)
    if dropout is None and recognise(weights) == "synthesizer":
        dropout = INFERENCE_DROPOUT
    return write(
        folder,
        weights,
        source=source,
        licence=licence,
        step=int(weights["step"]) if "step" in weights else None,
        dtype=dtype,
        notice=notice,
        dropout=dropout,
        force=force,
    )


def _mean(weights: StateDict, others: StateDict, path: Path) -> StateDict:
    """Whole numbers, as the step, are those of `weights`. path: of `others`, for the message."""
    if _sizes(weights) != _sizes(others):
        raise TrainingError(
            f"{path} is of another size or model, or has other frames per step (r); "
            "give what the run started from"
        )
    require_finite(others, path)
    return {
        name: (value + others[name]) / 2 if value.is_floating_point() else value
        for name, value in weights.items()
    }


def _sizes(weights: StateDict) -> dict[str, object]:
    """Kinds and shapes by name. Frames per decoder step are a size that no shape tells."""
    sizes: dict[str, object] = {
        name: (value.shape, value.is_floating_point()) for name, value in weights.items()
    }
    return sizes | {"r": weights["decoder.r"].tolist() if "decoder.r" in weights else None}
