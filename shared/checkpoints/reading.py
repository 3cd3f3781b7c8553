"""Reading checkpoint folders: one file per parameter, and a manifest with their hashes.

All hashes are checked before anything is unpickled, and only tensors are unpickled. Each file is
read once, so the bytes that are loaded are those that were hashed.

Peak memory is the size of the folder plus twice its largest file: a file's bytes are freed when its
tensor is loaded.
"""

import errno
import hashlib
import io
import os
import pickle
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import nn

from shared.checkpoints.architectures import check_architecture
from shared.checkpoints.manifest import (
    DTYPES,
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    NOTICE_NAME,
    CheckpointError,
    Manifest,
    ParameterEntry,
    broken,
    parse_manifest,
)

__all__ = ["Checkpoint", "CheckpointError", "Manifest", "load", "load_into", "verify"]

MAX_ARCHIVE_OVERHEAD = 8192  # bytes that torch.save writes around a tensor: 1.5 kB in torch 2.13
# O_NOFOLLOW rejects links, and O_NONBLOCK keeps a FIFO from blocking the start. Windows lacks them,
# and has O_BINARY instead.
_FLAGS = os.O_RDONLY
for _name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)


@dataclass(frozen=True)
class Checkpoint:
    """Verified weights of one model, in state-dict order."""

    manifest: Manifest
    state_dict: dict[str, torch.Tensor]


def load(folder: Path) -> Checkpoint:
    """The weights of a folder, on the CPU, with half precision widened to float32.

    Raises CheckpointError if a file is missing, unexpected, changed, not a regular file or not as
    the manifest describes it.
    """
    manifest, archives = _read_verified(folder)
    state_dict = {}
    for entry in manifest.parameters:
        tensor = _unpickle(archives.pop(entry.file), entry, folder)
        state_dict[entry.name] = tensor.float() if tensor.dtype == torch.float16 else tensor
    try:
        check_architecture(manifest.model, state_dict, manifest.architecture)
    except CheckpointError as error:
        raise broken(folder, str(error)) from None
    return Checkpoint(manifest, state_dict)


def verify(folder: Path) -> Manifest:
    """Check a folder as `load` does. Raises CheckpointError."""
    return load(folder).manifest


def load_into(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> None:
    """Replace a model's tensors, without copying. Names, shapes and dtypes must match exactly.

    Raises CheckpointError, which names the differences; the model is then unchanged.
    """
    own = model.state_dict()
    problems = [f"{name} is missing" for name in own if name not in state_dict]
    problems += [f"{name} is unexpected" for name in state_dict if name not in own]
    for name, tensor in own.items():
        if name in state_dict and _described(tensor) != _described(state_dict[name]):
            given, wanted = _described(state_dict[name]), _described(tensor)
            problems.append(f"{name} is {given}, must be {wanted}")
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CheckpointError(f"the weights do not fit: {', '.join(problems[:5])}{more}")
    model.load_state_dict(state_dict, assign=True)


def _read_verified(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the bytes of each file, with all hashes checked."""
    with _opened(folder) as directory:
        present = _names(directory, folder)
        if MANIFEST_NAME not in present:
            raise broken(folder, f"{MANIFEST_NAME} is missing, so this is not a checkpoint")
        manifest = parse_manifest(
            _read_file(directory, folder, MANIFEST_NAME, 1, MAX_MANIFEST_BYTES), folder
        )
        expected = {entry.file for entry in manifest.parameters}
        for name in sorted(expected - present):
            raise broken(folder, f"{name} is missing")
        for name in sorted(present - expected - {MANIFEST_NAME, NOTICE_NAME}):
            raise broken(folder, f"{name!r} does not belong here; remove it")
        return manifest, {
            entry.file: _read_archive(directory, folder, entry) for entry in manifest.parameters
        }


def _names(directory: int | None, folder: Path) -> set[str]:
    try:
        with os.scandir(folder if directory is None else directory) as entries:
            return {entry.name for entry in entries}
    except OSError as error:
        raise broken(folder, f"cannot open the folder ({error.strerror})") from None


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A descriptor of the folder: files come from one folder even if it is renamed meanwhile.

    None on Windows, which has no descriptors of folders.
    """
    if os.open not in os.supports_dir_fd:
        yield None
        return
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise broken(folder, f"cannot open the folder ({error.strerror})") from None
    try:
        yield directory
    finally:
        os.close(directory)


def _read_file(
    directory: int | None, folder: Path, name: str, min_bytes: int, max_bytes: int
) -> bytes:
    """The bytes of a regular file of `min_bytes` to `max_bytes`."""
    path = name if directory is not None else folder / name
    try:
        descriptor = os.open(path, _FLAGS, dir_fd=directory)
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else str(error.strerror)
        raise broken(folder, f"{name}: {reason}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise broken(folder, f"{name} is not a regular file")
        if not min_bytes <= status.st_size <= max_bytes:
            size = f"{status.st_size} bytes, expected {min_bytes} to {max_bytes}"
            raise broken(folder, f"{name} is truncated or too large: {size}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)
    except OSError as error:
        raise broken(folder, f"{name}: {error.strerror}") from None
    finally:
        os.close(descriptor)


def _read_archive(directory: int | None, folder: Path, entry: ParameterEntry) -> bytes:
    size = entry.tensor_bytes
    data = _read_file(directory, folder, entry.file, size, size + MAX_ARCHIVE_OVERHEAD)
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        changed = f"{entry.file} is corrupt: SHA-256 {digest[:12]}..., the manifest says"
        raise broken(folder, f"{changed} {entry.sha256[:12]}...")
    return data


def _unpickle(archive: bytes, entry: ParameterEntry, folder: Path) -> torch.Tensor:
    """The tensor of an archive. Raises CheckpointError unless it matches the manifest."""
    file = io.BytesIO(archive)
    try:
        refuse_bombs(file)
        tensor = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # zipfile and torch raise many types for malformed archives
        problem = f"{entry.file} is not an archive of one tensor: {why_unreadable(error)}"
        raise broken(folder, problem) from None
    if type(tensor) is not torch.Tensor or tensor.layout != torch.strided:
        raise broken(folder, f"{entry.file} holds a {type(tensor).__name__}, must hold a tensor")
    wanted = _describe(entry.dtype, entry.shape)
    if _described(tensor) != wanted:
        problem = f"{entry.file} holds {_described(tensor)}, the manifest says {wanted}"
        raise broken(folder, problem)
    # A view of few numbers can have any shape; the storage must hold them all.
    if not tensor.is_contiguous() or tensor.untyped_storage().nbytes() != entry.tensor_bytes:
        raise broken(folder, f"{entry.file} holds a view, must hold a whole tensor")
    return tensor


def refuse_bombs(archive: BinaryIO) -> None:
    """Reject zip bombs: torch.save neither compresses records nor stores them twice.

    archive: seekable; its position is the start before and after. Raises ValueError or
    zipfile.BadZipFile.
    """
    with zipfile.ZipFile(archive) as records:
        unpacked = 0
        for record in records.infolist():
            if record.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{record.filename} is compressed")
            unpacked += record.file_size
    if unpacked > archive.seek(0, os.SEEK_END):
        raise ValueError("its records overlap")
    archive.seek(0)


def why_unreadable(error: Exception) -> str:
    """The reason in one line; torch's own message explains how to load unsafe objects."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than tensors, or is damaged"
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _described(tensor: torch.Tensor) -> str:
    names = {dtype: name for name, dtype in DTYPES.items()}
    return _describe(names.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))


def _describe(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype} {list(shape)}"
