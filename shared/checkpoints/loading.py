"""From a checkpoint folder to a model that is ready to serve."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from shared.audio.mel import MEL_FORMAT
from shared.checkpoints.manifest import MANIFEST_NAME, CheckpointError, broken, parse_manifest
from shared.checkpoints.reading import load, load_into

M = TypeVar("M", bound=nn.Module, covariant=True)


_FILLS = {getattr(torch.Tensor, f"{fill}_") for fill in ("uniform", "normal", "zero", "fill")}


class _WithoutInitialisation(TorchFunctionMode):
    """Leaves new parameters as they are allocated, so that their memory is never touched before
    the checkpoint's tensors take their place. (The meta device would do the same, at the price of
    75 MB of imports.)"""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == torch.nn.init.__name__:
            return kwargs["tensor"]
        return args[0] if func in _FILLS else func(*args, **kwargs)


class Build(Protocol[M]):
    def __call__(self, architecture: Mapping[str, Any], /) -> M: ...


def weights_sha256(folder: Path) -> str:
    """The hash of a folder's weights, as its manifest states it. Raises CheckpointError."""
    try:
        data = (folder / MANIFEST_NAME).read_bytes()
    except OSError as error:
        raise broken(folder, f"{MANIFEST_NAME}: {error.strerror}") from None
    return parse_manifest(data, folder).weights_sha256


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
        with _WithoutInitialisation():
            model = build(manifest.architecture)
    except ValueError as error:
        raise broken(folder, f"manifest.json: {error}") from None
    try:
        load_into(model, checkpoint.state_dict)
    except CheckpointError as error:
        raise broken(folder, str(error)) from None
    return model.eval().requires_grad_(False)
