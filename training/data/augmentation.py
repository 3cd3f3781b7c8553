"""Augmentation: a copy of each clip in another voice, by a pitch shift of 5 to 15 %.

With few voices the synthesizer overfits them, and speaks new ones badly.
"""

import zlib
from collections.abc import Iterator

import numpy as np

from shared.audio.mel import MEL_FORMAT
from training.data.clips import AUGMENTED_SUFFIX, Clip, ClipFolder
from training.data.waveforms import pitch_shifted, trim_and_normalise

SHIFTS = (1.05, 1.15)  # or their inverse


def add_augmented(folder: ClipFolder, *, seed: int = 1) -> Iterator[Clip]:
    """Add the missing copies, one per iteration. Another seed adds further copies.

    Clips of one voice keep one voice. Raises TrainingError for a folder without clips.
    """
    suffix = f"{AUGMENTED_SUFFIX}-{seed}"
    for clip in folder.require_clips():
        name = clip.name + suffix
        if AUGMENTED_SUFFIX in clip.voice or folder.has(name):
            continue
        shift = _shift_of(clip.voice, seed)
        shifted = pitch_shifted(folder.wav(clip), MEL_FORMAT.sample_rate, shift)
        wav = trim_and_normalise(shifted)
        if len(wav):
            copy = Clip(name, clip.text, clip.voice + suffix, len(wav))
            folder.add(copy, wav)
            yield copy


def _shift_of(voice: str, seed: int) -> float:
    rng = np.random.default_rng([seed, zlib.crc32(voice.encode())])
    return float(rng.uniform(*SHIFTS) ** rng.choice([-1, 1]))
