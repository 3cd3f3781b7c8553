"""From a checkpoint folder to a model that is ready to serve."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from shared.checkpoint_manifest import broken
from shared.checkpoints import load, load_into
from shared.mel import MEL_FORMAT

M = TypeVar("M", bound=nn.Module, covariant=True)


class Build(Protocol[M]):
    def __call__(self, architecture: Mapping[str, Any], /) -> M: ...


def load_model(folder: Path, build: Build[M], *, has_mel_format: bool) -> M:
    """The folder's weights in the model that `build` makes of the manifest's architecture.

    In eval mode, on the CPU. Raises CheckpointError, which names the file and the remedy: also for
    a checkpoint of another model, architecture or mel format.
    """
    checkpoint = load(folder)
    manifest = checkpoint.manifest
    if manifest.model != folder.name:
        raise broken(folder, f"the manifest is of a {manifest.model}")
    try:
        if has_mel_format:
            MEL_FORMAT.check(manifest.mel_format or {})
        with torch.device("meta"):  # takes no memory: the tensors are assigned
            model = build(manifest.architecture)
    except ValueError as error:
        raise broken(folder, f"manifest.json: {error}") from None
    load_into(model, checkpoint.state_dict)
    return model.eval().requires_grad_(False)
