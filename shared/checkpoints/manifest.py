"""The manifest.json of a checkpoint folder: its contents, and the hash of each file."""

import hashlib
import json
import math
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.http.startup_errors import StartupError
from shared.settings import IS_INSTALLED, REPOSITORY

MANIFEST_NAME = "manifest.json"
NOTICE_NAME = "NOTICE"
FORMAT_VERSION = 1

MAX_MANIFEST_BYTES = 2**20  # the full-size Tacotron's is 40 kB
MAX_TENSOR_BYTES = 2**30  # of all parameters; the full-size Tacotron's are 124 MB

DtypeName = Literal["float32", "float16", "int64", "int32"]
DTYPES: dict[DtypeName, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "int64": torch.int64,
    "int32": torch.int32,
}
"""Types of stored tensors. Half precision is for the disk only and becomes float32 in memory."""

ModelName = Literal["encoder", "synthesizer", "vocoder", "vocos"]
"""`vocoder` is RTVC's WaveRNN; `vocos` is the vocoder service's other network."""
RTVC_MODELS: tuple[ModelName, ...] = ("encoder", "synthesizer", "vocoder")
Printable = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=2000)]
Key = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=64)]
PARAMETER_NAME = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$"
ParameterName = Annotated[str, Field(pattern=PARAMETER_NAME, max_length=200)]
Size = Annotated[int, Field(ge=0, lt=2**31)]
Value = bool | int | float | Printable | tuple[int, ...] | None


class CheckpointError(StartupError):
    """An unusable checkpoint. The message names the file and the remedy."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class ParameterEntry(_Strict):
    """One parameter or buffer, and the file that holds it."""

    name: ParameterName
    file: Printable
    shape: Annotated[tuple[Size, ...], Field(max_length=8)]
    dtype: DtypeName
    """The type on disk."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Hash of the whole file."""

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def tensor_bytes(self) -> int:
        """Bytes of the numbers, without the archive around them."""
        return self.numel * DTYPES[self.dtype].itemsize


class Manifest(_Strict):
    format_version: Literal[1]
    model: ModelName
    architecture: dict[Key, Value]
    """Hyperparameters under the names of the service's `Hparams`."""
    mel_format: dict[Key, Value] | None
    """The mel spectrogram between synthesizer and vocoders; None for the encoder."""
    step: Annotated[int, Field(ge=0)] | None
    """Training steps, if known."""
    source: Printable
    licence: Printable
    parameters: Annotated[tuple[ParameterEntry, ...], Field(min_length=1, max_length=5000)]
    """In state-dict order."""

    @model_validator(mode="after")
    def _files_are_ours(self) -> "Manifest":
        """File names follow from index and parameter, so none can point outside the folder."""
        if len({entry.name for entry in self.parameters}) < len(self.parameters):
            names = [entry.name for entry in self.parameters]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"parameter {twice} is listed twice")
        for index, entry in enumerate(self.parameters):
            wanted = parameter_file(index, entry.name)
            if entry.file != wanted:
                raise ValueError(f"{entry.name} is in {entry.file!r}, must be in {wanted!r}")
        if sum(entry.tensor_bytes for entry in self.parameters) > MAX_TENSOR_BYTES:
            largest = max(self.parameters, key=lambda entry: entry.tensor_bytes)
            shape = list(largest.shape)
            raise ValueError(
                f"over {MAX_TENSOR_BYTES} bytes of parameters; {largest.file} has shape {shape}"
            )
        return self

    @property
    def weights_sha256(self) -> str:
        """One hash of all parameters: names, shapes and files, in state-dict order."""
        listed = [(entry.name, entry.shape, entry.sha256) for entry in self.parameters]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()

    def to_json(self) -> bytes:
        """JSON with one line per parameter, so that changes make short diffs."""
        fields = self.model_dump(mode="json")
        parameters = [json.dumps(entry) for entry in fields.pop("parameters")]
        head = json.dumps(fields, indent=1, ensure_ascii=False).removesuffix("\n}")
        tail = ",\n  ".join(parameters)
        return f'{head},\n "parameters": [\n  {tail}\n ]\n}}\n'.encode()


def parameter_file(index: int, name: str) -> str:
    """A parameter's file, such as `017_encoder.cbhg.rnn.bias_hh_l0.pt`."""
    return f"{index:03d}_{name}.pt"


def parse_manifest(data: bytes, folder: Path) -> Manifest:
    """The manifest. Raises CheckpointError unless it is one of this format version."""
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise broken(folder, f"{MANIFEST_NAME}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """The first validation error in one line: field, requirement, value."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    got = "" if first["type"] == "value_error" else f", got {_shortened(first['input'])}"
    return f"{where + ': ' if where else ''}{first['msg']}{got}"


def broken(folder: Path, problem: str) -> CheckpointError:
    """The error for a folder that must be restored: the problem, then the remedies."""
    return CheckpointError(f"{folder}: {problem}. To restore it: {_remedy(folder)}")


def _remedy(folder: Path) -> str:
    """Ways to restore a folder: from the repository, a download, or another conversion."""
    directory, name = folder.absolute().parent, folder.name
    ways = []
    if directory.resolve() == (REPOSITORY / "checkpoints").resolve():
        if (REPOSITORY / ".git").exists():
            ways.append(f"`git checkout -- {shlex.quote(str(folder))}` (the bundled weights)")
        elif IS_INSTALLED:
            ways.append("install better-api again (the bundled weights)")
        if name in RTVC_MODELS:
            ways.append(f"`better checkpoints fetch --force {name}` (the official weights)")
        elif not ways:
            ways.append("copy the bundled weights from the repository again")
    else:
        if name in RTVC_MODELS:
            place = f"--dir {shlex.quote(str(directory))}"
            fetch = f"`better checkpoints fetch --force {place} {name}`"
            ways.append(f"{fetch} (the official weights),")
        elif name == "vocos":
            ways.append("copy the repository's checkpoints/vocos there (the bundled weights),")
        again = "`better checkpoints split --force` or `better train export --force`"
        ways.append(f"make it again with {again}")
    if name == "vocos" and (directory / "vocoder").is_dir():
        ways.append(f"use {directory / 'vocoder'} with VOCODER=wavernn")
    return " or ".join(ways)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
