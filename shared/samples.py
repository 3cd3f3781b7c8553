"""The reference voices that ship in samples/."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from shared.audio import Clip, read_sound
from shared.settings import REPOSITORY
from shared.tensors import Float32Array

SAMPLES = REPOSITORY / "samples"
DEFAULT_VOICE = "rowan"


def sample_path(voice: str = DEFAULT_VOICE) -> Path:
    return SAMPLES / f"{voice}.wav"


@cache
def sample_clip(seconds: float) -> Clip:
    """The beginning of the default voice's clip."""
    clip = read_sound(sample_path().read_bytes(), max_seconds=60)
    return Clip(clip.wav[: int(seconds * clip.rate)], clip.rate)


def sample_embeds() -> dict[str, Float32Array]:
    """[256] by voice: what the encoder says of each clip in samples/."""
    stored = json.loads((SAMPLES / "embeds.json").read_text())
    return {voice: np.array(embed, np.float32) for voice, embed in stored.items()}
