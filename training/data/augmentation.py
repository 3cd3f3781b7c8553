"""Each clip once more, in another voice: 5 to 15 % higher or lower, formants and tempo with it.

Few voices the synthesizer learns by heart, and then speaks badly with one that is new to it.
"""

import zlib
from collections.abc import Iterator

import numpy as np

from shared.audio.mel import MEL_FORMAT
from training.data.clips import Clip, ClipFolder
from training.data.sound import tidy
from training.data.teachers.shift import shifted

SHIFTS = (1.05, 1.15)  # or as much lower
SUFFIX = "-variant"


def add_variants(folder: ClipFolder, *, seed: int = 1) -> Iterator[Clip]:
    """Add what is not there yet, one by one as they are asked for; another seed adds another.

    Clips of one voice stay so. Raises TrainingError for a folder without clips.
    """
    suffix = f"{SUFFIX}-{seed}"
    for clip in folder.filled():
        name = clip.name + suffix
        if SUFFIX in clip.voice or folder.has(name):
            continue
        shift = _shift_of(clip.voice, seed)
        wav = tidy(shifted(folder.wav(clip), MEL_FORMAT.sample_rate, shift))
        if len(wav):
            variant = Clip(name, clip.text, clip.voice + suffix, len(wav))
            folder.add(variant, wav)
            yield variant


def _shift_of(voice: str, seed: int) -> float:
    rng = np.random.default_rng([seed, zlib.crc32(voice.encode())])
    return float(rng.uniform(*SHIFTS) ** rng.choice([-1, 1]))
