"""Preset voices, from samples/, the mean of several embeddings, and the notation of blends."""

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from shared.audio.files import MIN_RATE, Clip, read_sound, resample_stream
from shared.http.tensors import Float32Array
from shared.settings import REPOSITORY

SAMPLES = REPOSITORY / "samples"
DEFAULT_VOICE = "rowan"
MAX_PARTS = 8  # of a blend
MAX_WEIGHT = 100.0
_PART = re.compile(r"\s*([^()]*[^()\s])\s*(?:\(\s*(\d{1,9}(?:\.\d{1,9})?)\s*\))?\s*")


class BadBlend(ValueError):
    """The message names the problem and shows how to write a blend."""


def sample_path(voice: str = DEFAULT_VOICE) -> Path:
    return SAMPLES / f"{voice}.wav"


@cache
def sample_clip(seconds: float) -> Clip:
    """The first `seconds` of the default voice's clip."""
    clip = read_sound(sample_path().read_bytes(), max_seconds=60)
    return Clip(clip.wav[: int(seconds * clip.rate)], clip.rate)


def sample_embeds() -> dict[str, Float32Array]:
    """[256] by voice: the encoder's embedding of each clip in samples/."""
    stored = json.loads((SAMPLES / "embeds.json").read_text())
    return {voice: np.array(embed, np.float32) for voice, embed in stored.items()}


def example_wav() -> dict[str, Any]:
    """`wav` and `sr` of an example request: short and at a low rate, for a browser's text field."""
    clip = sample_clip(seconds=1.5)
    wav = np.concatenate([*resample_stream([clip.wav], clip.rate, MIN_RATE)])
    return {"wav": [round(sample, 3) + 0.0 for sample in wav.tolist()], "sr": MIN_RATE}


def example_embed() -> list[float]:
    """[256] `embed` of an example request."""
    return [round(value, 4) for value in sample_embeds()[DEFAULT_VOICE].tolist()]


def mean_embed(
    embeds: Sequence[Float32Array], weights: Sequence[float] | None = None
) -> Float32Array:
    """Mean of embeddings of one voice (GE2E's centroid), or a blend of several voices.

    embeds: [256] each, weighted equally without `weights`. Returns [256], unit length; a single
    embedding unchanged to the last bit, so that a saved voice speaks like its clip.
    """
    if len(embeds) == 1:
        return embeds[0]
    mean = np.average(embeds, axis=0, weights=weights)
    unit: Float32Array = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def presets() -> dict[str, Path]:
    """Paths of the reference clips, by voice."""
    return {path.stem: path for path in sorted(SAMPLES.glob("*.wav"))}


def is_blend(voice: str) -> bool:
    return "+" in voice or "(" in voice


def blend_parts(blend: str) -> list[tuple[str, float]]:
    """Names and weights of a blend such as ash(2)+birch(1); the weight is 1 where none is given.

    Raises BadBlend.
    """
    parts = [_PART.fullmatch(part) for part in blend.split("+")]
    if len(parts) > MAX_PARTS:
        raise _bad_blend(f"the blend has {len(parts)} voices, the limit is {MAX_PARTS}")
    weighted = [(part[1], float(part[2] or 1)) for part in parts if part]
    if len(weighted) < len(parts):
        raise _bad_blend(f"{blend[:80]!r} is neither a voice nor a blend")
    for name, weight in weighted:
        if not 0 < weight <= MAX_WEIGHT:
            raise _bad_blend(
                f"{name[:80]!r} has the weight {weight:g}; weights are over 0 and at most "
                f"{MAX_WEIGHT:g}"
            )
    return weighted


def _bad_blend(problem: str) -> BadBlend:
    return BadBlend(f"{problem}; write it as ash(2)+birch(1)")
