"""Synthetic speech: a TTS system speaks lines in ever-changing voices, two lines per voice."""

import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from shared.http.tensors import Float32Array
from synthesizer_service.text import normalize
from training.data.clips import WHOLE, Clip, ClipFolder, Shard
from training.data.waveforms import trim_and_normalise

TEMPOS = (0.98, 1.12)  # relative to the system's own

V = TypeVar("V")


class TtsSystem(Protocol[V]):
    """A text-to-speech system. V: a voice."""

    name: str
    """Prefix of its clips' names."""

    def draw_voice(self, rng: np.random.Generator) -> V: ...

    def speak(self, text: str, voice: V, tempo: float) -> Float32Array | None:
        """[n] at 16 kHz; None for a text that the system cannot speak well."""
        ...


def synthesize_clips(
    system: TtsSystem[V],
    lines: Sequence[str],
    folder: ClipFolder,
    *,
    lines_per_voice: int = 2,
    seed: int = 1,
    shard: Shard = WHOLE,
    hours: float | None = None,
) -> Iterator[Clip]:
    """Add the missing lines, one clip per iteration.

    Neighbouring lines share a voice. A line's voice and tempo depend on its number and the seed
    alone; other lines and other seeds add to a folder. Lines are normalised, numbers written out.
    Stops once this shard's lines, with those present, come to `hours`.
    """
    seconds_left = math.inf if hours is None else 3600 * hours
    for number, line in enumerate(lines):
        speaker = number // lines_per_voice
        if speaker not in shard:
            continue
        if seconds_left <= 0:
            break
        name = f"{system.name}-{seed}-{number:06d}-{zlib.crc32(line.encode()):08x}"
        if folder.has(name):
            seconds_left -= folder.clip(name).seconds
            continue
        voice = system.draw_voice(np.random.default_rng([seed, 0, speaker]))
        tempo = np.random.default_rng([seed, 1, number]).uniform(*TEMPOS)
        text = normalize(line)
        wav = system.speak(text, voice, tempo)
        if wav is None or not len(wav := trim_and_normalise(wav)):
            continue
        clip = Clip(name, text, f"{system.name}-{seed}-{speaker:06d}", len(wav))
        folder.add(clip, wav)
        seconds_left -= clip.seconds
        yield clip
