"""Writing checkpoint folders, and converting them from and to RTVC's one-file checkpoints.

A folder appears whole or not at all: it is written under another name and then renamed. The same
tensors give the same bytes.
"""

import hashlib
import io
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import ValidationError

from shared.audio.mel import MEL_FORMAT
from shared.checkpoints.architectures import infer_architecture, recognise
from shared.checkpoints.manifest import (
    DTYPES,
    FORMAT_VERSION,
    MANIFEST_NAME,
    NOTICE_NAME,
    PARAMETER_NAME,
    CheckpointError,
    Manifest,
    ParameterEntry,
    first_problem,
    parameter_file,
)
from shared.checkpoints.reading import load, refuse_bombs, why_unreadable

DiskDtype = Literal["float32", "float16"]

UNUSED = {"similarity_weight": 10.0, "similarity_bias": -5.0}
"""Parameters of the encoder's training loss, with RTVC's initial values. Inference needs none."""

ZIP_START = b"PK\x03\x04"


@dataclass(frozen=True)
class RtvcCheckpoint:
    """The parts of an RTVC .pt file that the services use."""

    state_dict: dict[str, torch.Tensor]
    step: int | None
    dropped: tuple[str, ...]
    """Names of the parameters that were left out."""


def read_rtvc(path: Path) -> RtvcCheckpoint:
    """Read `{"model_state": ...}` (with or without an optimizer's state) or a bare state dict.

    Raises CheckpointError if it holds anything but named tensors; OSError.
    """
    with path.open("rb") as file:
        zipped = file.read(4) == ZIP_START
        file.seek(0)
        try:
            if zipped:
                refuse_bombs(file)
                _check_sums(path)
            # Memory-mapped, so that the optimizer's state (two thirds of the file) is not read.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except Exception as error:  # any error of zipfile and torch on a malformed archive
            raise CheckpointError(
                f"{path}: not a checkpoint of RTVC: {why_unreadable(error)}"
            ) from None
    tensors = content.get("model_state", content) if isinstance(content, dict) else None
    if not isinstance(tensors, dict) or not tensors:
        raise CheckpointError(f"{path}: not a checkpoint of RTVC: it holds no model_state")
    for name, tensor in tensors.items():
        _refuse_odd_tensor(path, name, tensor)
    kept = {name: tensor.detach() for name, tensor in tensors.items() if name not in UNUSED}
    return RtvcCheckpoint(
        kept, _step_of(content), tuple(name for name in UNUSED if name in tensors)
    )


def write(
    folder: Path,
    state_dict: Mapping[str, torch.Tensor],
    *,
    source: str,
    licence: str,
    step: int | None = None,
    dtype: DiskDtype = "float32",
    notice: str | None = None,
    dropout: float | None = None,
    force: bool = False,
) -> Manifest:
    """Write a checkpoint folder. The model and its hyperparameters follow from the weights.

    Args:
        dropout: of a synthesizer's prenets, which weights do not show: 0 <= dropout < 1. RTVC's
            0.5 if None.
        dtype: with float16, tensors of two or more dimensions are stored in half precision.
            Vectors and scalars are not: they are small, and a running variance (1e-40 to 136 in
            the bundled synthesizer) exceeds its range.
        force: replace an existing checkpoint folder.

    Raises:
        CheckpointError: the folder exists and `force` is false; the weights are not finite, too
            large for float16 or of no known model; the dropout is out of range or the model has
            none; the source or the licence holds line breaks.
        OSError: the folder cannot be written.
    """
    folder = folder.absolute()
    refuse_overwriting(folder, force)
    model = recognise(state_dict)
    architecture = infer_architecture(model, state_dict)
    if dropout is not None:
        if "dropout" not in architecture:
            raise CheckpointError(f"{folder}: a {model} has no dropout; leave out --dropout")
        if not 0 <= dropout < 1:
            raise CheckpointError(f"{folder}: dropout is {dropout}, must be at least 0, below 1")
        architecture["dropout"] = dropout
    fields: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "model": model,
        "architecture": architecture,
        "mel_format": None if model == "encoder" else MEL_FORMAT.to_dict(),
        "step": step,
        "source": source,
        "licence": licence,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        staging.mkdir()
        parameters = tuple(
            _write_parameter(staging, index, name, tensor, dtype)
            for index, (name, tensor) in enumerate(state_dict.items())
        )
        manifest = Manifest(**fields, parameters=parameters)
        (staging / MANIFEST_NAME).write_bytes(manifest.to_json())
        if notice is not None:
            (staging / NOTICE_NAME).write_text(notice)
        _put_in_place(staging, folder)
    except ValidationError as error:
        raise CheckpointError(f"{folder}: {first_problem(error)}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def join(folder: Path, path: Path, *, force: bool = False) -> Manifest:
    """Write a folder's weights as one .pt that RTVC loads, in float32.

    RTVC's encoder requires the two parameters of its loss: they get their initial values.
    Raises CheckpointError if `path` exists and `force` is false; OSError.
    """
    if path.exists() and not force:
        raise CheckpointError(f"{path} exists already; --force replaces it")
    checkpoint = load(folder)
    manifest, state_dict = checkpoint.manifest, checkpoint.state_dict
    if manifest.model == "encoder":
        unused = {name: torch.tensor([value]) for name, value in UNUSED.items()}
        state_dict = unused | state_dict
    staging = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with staging.open("wb") as file:
            # RTVC prints the encoder's step and fails without one.
            torch.save({"step": manifest.step or 0, "model_state": state_dict}, file)
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)
    return manifest


def refuse_overwriting(folder: Path, force: bool) -> None:
    """Raises CheckpointError if a folder exists; with `force`, if it is not a checkpoint."""
    if not os.path.lexists(folder):
        return
    if not force:
        raise CheckpointError(f"{folder} exists already; --force replaces it")
    if folder.is_symlink() or not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder; move it away first")
    for path in folder.iterdir():
        if path.name not in (MANIFEST_NAME, NOTICE_NAME) and path.suffix != ".pt":
            raise CheckpointError(
                f"{folder} holds {path.name!r}, so it is not a checkpoint, and --force does not "
                "replace it; move it away"
            )


def _write_parameter(
    folder: Path, index: int, name: str, tensor: torch.Tensor, dtype: DiskDtype
) -> ParameterEntry:
    if not torch.isfinite(tensor).all():
        raise CheckpointError(f"{name} holds NaN or infinity; did the training diverge?")
    disk_dtype = tensor.dtype
    if dtype == "float16" and tensor.dtype == torch.float32 and tensor.dim() >= 2:
        disk_dtype = torch.float16
        if tensor.abs().max() > torch.finfo(disk_dtype).max:
            raise CheckpointError(f"{name} exceeds float16's range; write it as float32")
    # A fresh tensor has its own storage, canonical strides and no gradient, so equal numbers give
    # equal bytes. Saved to a file, not to a buffer, the archive would hold the file's name.
    fresh = torch.empty(tensor.shape, dtype=disk_dtype).copy_(tensor.detach())
    buffer = io.BytesIO()
    torch.save(fresh, buffer)
    file = parameter_file(index, name)
    (folder / file).write_bytes(buffer.getbuffer())
    return ParameterEntry(
        name=name,
        file=file,
        shape=tuple(fresh.shape),
        dtype=next(known for known, value in DTYPES.items() if value == disk_dtype),
        sha256=hashlib.sha256(buffer.getbuffer()).hexdigest(),
    )


def _put_in_place(staging: Path, folder: Path) -> None:
    if not folder.exists():
        staging.rename(folder)
        return
    previous = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    folder.rename(previous)
    try:
        staging.rename(folder)
    except OSError:
        previous.rename(folder)
        raise
    shutil.rmtree(previous)


def _step_of(content: dict[str, Any]) -> int | None:
    """The training step: RTVC's encoder stores it beside the weights, the others among them."""
    step = content.get("step", content.get("model_state", {}).get("step"))
    if isinstance(step, torch.Tensor) and step.numel() == 1:
        step = step.item()
    return step if isinstance(step, int) and step >= 0 else None


def _check_sums(path: Path) -> None:
    """Detect a damaged download by the checksums of the zip archive, which torch ignores."""
    with zipfile.ZipFile(path) as archive:
        if (damaged := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"{damaged} is damaged")


def _refuse_odd_tensor(path: Path, name: Any, tensor: Any) -> None:
    if not isinstance(name, str) or not re.fullmatch(PARAMETER_NAME, name):
        raise CheckpointError(f"{path}: {name!r} is not the name of a parameter")
    if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
        raise CheckpointError(f"{path}: {name} is a {type(tensor).__name__}, must be a tensor")
    if tensor.dtype not in DTYPES.values():
        raise CheckpointError(f"{path}: {name} is {tensor.dtype}, must be one of {list(DTYPES)}")
    # The shape of an expanded view exceeds the stored numbers.
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.itemsize:
        raise CheckpointError(
            f"{path}: {name} has shape {list(tensor.shape)}, but fewer numbers are stored"
        )
