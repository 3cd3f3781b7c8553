"""A teacher speaks lines in ever-changing voices, two lines in each.

Three teachers are there (`.teachers`). Each has its own way to vary a voice; all of them move pitch
and formants together by resampling, and undo with their own speed what that does to the tempo.
"""

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from shared.http.tensors import Float32Array
from synthesizer_service.text import normalize
from training.data.clips import Clip, ClipFolder
from training.data.sound import tidy
from training.errors import TrainingError

TEMPOS = (0.98, 1.12)
TAUGHT_VOICE = re.compile(r"\w+-\d+-\d{6}(-variant-\d+)*")

V = TypeVar("V")


class Teacher(Protocol[V]):
    name: str
    """What its clips' names begin with."""

    def draw(self, rng: np.random.Generator) -> V:
        """A voice."""
        ...

    def speak(self, text: str, voice: V, tempo: float) -> Float32Array | None:
        """[n] at 16 kHz; None for a text that it would not speak well."""
        ...


@dataclass(frozen=True)
class Share:
    """Which part of the work is this process's: the voices i with i % of == index."""

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
    teacher: Teacher[V],
    lines: Sequence[str],
    folder: ClipFolder,
    *,
    lines_per_voice: int = 2,
    seed: int = 1,
    share: Share = Share(),
    hours: float | None = None,
) -> Iterator[Clip]:
    """Have the lines spoken that are not there yet, one by one as they are asked for.

    Neighbouring lines share a voice, to tell what is the voice's from what is the line's. A line's
    voice and tempo depend on the seed and its number alone; other lines and another seed add to a
    folder. A line is spoken as the synthesizer reads it, numbers written out. Stops when this share
    of the lines, with what is there of it, comes to `hours`.
    """
    seconds_left = math.inf if hours is None else 3600 * hours
    for number, line in enumerate(lines):
        speaker = number // lines_per_voice
        if speaker % share.of != share.index:
            continue
        if seconds_left <= 0:
            break
        name = f"{teacher.name}-{seed}-{number:06d}-{zlib.crc32(line.encode()):08x}"
        if folder.has(name):
            seconds_left -= folder.clip(name).seconds
            continue
        voice = teacher.draw(np.random.default_rng([seed, 0, speaker]))
        tempo = np.random.default_rng([seed, 1, number]).uniform(*TEMPOS)
        text = normalize(line)
        wav = teacher.speak(text, voice, tempo)
        if wav is None or not len(wav := tidy(wav)):
            continue
        clip = Clip(name, text, f"{teacher.name}-{seed}-{speaker:06d}", len(wav))
        folder.add(clip, wav)
        seconds_left -= clip.seconds
        yield clip


def is_taught(clip: Clip) -> bool:
    """True if a teacher spoke it. The voices of recordings have other names."""
    return TAUGHT_VOICE.fullmatch(clip.voice) is not None
