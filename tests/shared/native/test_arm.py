"""The native loops on 64-bit ARM: compiled by a cross-compiler, and run by an emulator.

Each loop becomes a program (tests/support/native_loops), since there is no Python for ARM here.
"""

import runpy
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shared.native import modules as native_modules
from synthesizer_service.tacotron import native_decoder
from tests.conftest import REPOSITORY
from tests.synthesizer_service.tacotron.test_native_decoder import generate, network
from tests.vocoder_service.conftest import small_network
from tests.vocoder_service.wavernn.test_native_engine import Batch
from vocoder_service.wavernn import native_engine
from vocoder_service.wavernn.engine import TorchEngine

Array = NDArray[np.float32]
SETUP = runpy.run_path(str(REPOSITORY / "setup.py"))
PROGRAMS = REPOSITORY / "tests/support/native_loops"
COMPILER, EMULATOR = which("aarch64-linux-gnu-g++"), which("qemu-aarch64")
CPUS = {"neon": "cortex-a72", "neon_bf16": "max"}  # of a Raspberry Pi 4; with all extensions
FRAMES = 20

pytestmark = [
    pytest.mark.skipif(not COMPILER, reason="cross-compiler: g++-aarch64-linux-gnu is missing"),
    pytest.mark.skipif(not EMULATOR, reason="emulator of ARM: qemu-user is missing"),
    pytest.mark.skipif(
        "portable" not in native_engine.built(), reason="portable loops: not built here"
    ),
]


@dataclass(frozen=True)
class ArmProgram:
    """A loop for one instruction set of ARM, and a CPU that has it."""

    path: Path
    cpu: str

    def run(self, *arguments: str) -> bytes:
        command = [str(EMULATOR), "-cpu", self.cpu, str(self.path), *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def output(self, arrays: Mapping[str, Array], half: bool) -> Array:
        """The floats that the loop writes."""
        file = self.path.with_suffix(".arrays")
        with file.open("wb") as out:
            for name, array in arrays.items():
                out.write(" ".join([name, *map(str, array.shape)]).encode() + b"\n")
                out.write(np.ascontiguousarray(array, np.float32).tobytes())
        return np.frombuffer(self.run(str(file), "half" if half else "float"), np.float32)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], ArmProgram]:
    """The program of a loop for an instruction set, compiled with setup.py's flags."""
    folder = tmp_path_factory.mktemp("arm")

    def build(loop: str, instruction_set: str) -> ArmProgram:
        program = folder / f"{loop}_{instruction_set}"
        if not program.exists():
            flags = ["-std=c++17", *SETUP["OPTIMIZATION"], *SETUP["ARM"][instruction_set]]
            places = ["-DMODULE=_loop", f"-I{REPOSITORY}", f"-I{PROGRAMS}", "-static"]
            source = PROGRAMS / f"{loop}.cpp"
            command = [str(COMPILER), *flags, *places, str(source), "-o", str(program)]
            subprocess.run(command, check=True)
        return ArmProgram(program, CPUS[instruction_set])

    return build


@dataclass(frozen=True)
class ArmModule:
    """In place of a loop's extension module."""

    program: ArmProgram

    def SampleLoop(self, weights: Mapping[str, Array], half: bool) -> "ArmSampleLoop":  # noqa: N802
        return ArmSampleLoop(self.program, weights, half)

    def DecoderLoop(  # noqa: N802
        self, weights: Mapping[str, Callable[[], Array]], half: bool
    ) -> "ArmDecoderLoop":
        return ArmDecoderLoop(self.program, {name: get() for name, get in weights.items()}, half)


@dataclass(frozen=True)
class ArmLoop:
    program: ArmProgram
    weights: Mapping[str, Array]
    half: bool

    def output(self, **inputs: Array) -> Array:
        arrays = {f"in_{name}": array for name, array in inputs.items()}
        return self.program.output({**self.weights, **arrays}, self.half)


class ArmSampleLoop(ArmLoop):
    def teacher_forced_logits(self, h1: Array, h2: Array, last: Array, *others: Array) -> None:
        mel, aux, labels, logits = others
        inputs = {"h1": h1, "h2": h2, "last": last, "mel": mel, "aux": aux, "labels": labels}
        logits[:] = self.output(**inputs, logits=logits).reshape(logits.shape)


class ArmDecoderLoop(ArmLoop):
    def run(self, *arguments: Any) -> tuple[int, bool]:
        names = ["keys", "values", "kept", "frame", "hidden", "context", "attended", "lstm"]
        names += ["mel", "attention"]
        *arrays, _ = arguments
        mel, attention = arrays[-2:]
        made = self.output(**dict(zip(names, arrays, strict=True)))
        mel[:] = made[: mel.size].reshape(mel.shape)
        attention[:] = made[mel.size :].reshape(attention.shape)
        return len(mel), False


def use(monkeypatch: pytest.MonkeyPatch, program: ArmProgram) -> None:
    """Make engines built from here on run the program."""
    monkeypatch.setattr(native_modules, "native_module", lambda *_: ArmModule(program))


@pytest.mark.parametrize(
    ("cpu", "wanted"),
    [
        ("cortex-a72", {"neon", "portable"}),
        ("max", {"neon", "neon_bf16", "bfloat16", "portable"}),
    ],
)
def test_loop_names_what_the_cpu_has(
    compiled: Callable[[str, str], ArmProgram], cpu: str, wanted: set[str]
) -> None:
    program = ArmProgram(compiled("sample_loop", "neon").path, cpu)
    assert set(program.run().decode().split()) == wanted


@pytest.mark.parametrize("fc_dims", [24, 25])  # whole vectors and pairs, and neither
@pytest.mark.parametrize(
    ("instruction_set", "half", "tolerance"),
    [("neon", False, 1e-5), ("neon_bf16", False, 1e-5), ("neon_bf16", True, 4e-3)],
)
def test_sample_loop_gives_the_logits_of_the_portable_one(
    compiled: Callable[[str, str], ArmProgram],
    monkeypatch: pytest.MonkeyPatch,
    instruction_set: str,
    half: bool,
    tolerance: float,
    fc_dims: int,
) -> None:
    torch.manual_seed(2)
    network = small_network(fc_dims)
    batch = Batch(network.hparams, TorchEngine(network), folds=5, frames=1)
    portable = native_engine.NativeEngine(network, instruction_set="portable")
    labels, _ = batch.through(portable)
    wanted = portable.logits(batch.mel, batch.aux, labels)
    use(monkeypatch, compiled("sample_loop", instruction_set))
    precision: native_engine.Precision = "bfloat16" if half else "float32"
    arm = native_engine.NativeEngine(network, 1, precision, instruction_set)
    logits = arm.logits(batch.mel, batch.aux, labels)
    assert wanted.std() > 0.1
    np.testing.assert_allclose(logits, wanted, atol=tolerance)
    assert half == bool(np.abs(logits - wanted).max() > 1e-4)


@pytest.mark.parametrize("instruction_set", ["neon", "neon_bf16"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_decoder_loop_gives_the_mel_of_the_portable_one(
    compiled: Callable[[str, str], ArmProgram],
    monkeypatch: pytest.MonkeyPatch,
    instruction_set: str,
    precision: native_decoder.Precision,
) -> None:
    decoder, memory = network()
    portable = native_decoder.NativeDecoder(decoder, precision, "portable")
    wanted_mel, wanted_attention, _ = generate(portable, memory, FRAMES)
    use(monkeypatch, compiled("decoder_loop", instruction_set))
    arm = native_decoder.NativeDecoder(decoder, precision, instruction_set)
    mel, attention, _ = generate(arm, memory, FRAMES)
    torch.testing.assert_close(mel, wanted_mel, atol=1e-4, rtol=0)
    torch.testing.assert_close(attention, wanted_attention, atol=1e-5, rtol=0)
