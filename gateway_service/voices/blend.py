"""Voice blends: `ash(2)+birch(1)` is a weighted mean of stored voices."""

import re

import numpy as np

from gateway_service.storage.tables import MAX_NAME
from gateway_service.voices.library import Voice, VoiceLibrary
from shared.http.errors import InvalidRequest, NotFound

MAX_PARTS = 8
MAX_WEIGHT = 100.0
_PART = re.compile(r"\s*([^()]*[^()\s])\s*(?:\(\s*(\d{1,9}(?:\.\d{1,9})?)\s*\))?\s*")


def find_voice_or_blend(library: VoiceLibrary, asked: str) -> Voice:
    """Look up a voice by name or ID, or mix the voices of a blend.

    A voice whose own name looks like a blend is found first.
    Raises NotFound, InvalidRequest for a faulty blend, and StorageUnavailable.
    """
    try:
        return library.find(asked)
    except NotFound:
        if "+" not in asked and "(" not in asked:
            raise
    return _blend(asked, [(library.find(name), weight) for name, weight in blend_parts(asked)])


def blend_parts(blend: str) -> list[tuple[str, float]]:
    """Names and weights. A part without a weight has 1. Raises InvalidRequest."""
    parts = [_PART.fullmatch(part) for part in blend.split("+")]
    if len(parts) > MAX_PARTS:
        raise _invalid(f"the blend has {len(parts)} voices, the limit is {MAX_PARTS}")
    weighted = [(part[1], float(part[2] or 1)) for part in parts if part]
    if len(weighted) < len(parts):
        raise _invalid(f"{blend[:80]!r} is neither a voice nor a blend")
    for name, weight in weighted:
        if not 0 < weight <= MAX_WEIGHT:
            raise _invalid(
                f"{name[:80]!r} has the weight {weight:g}; weights are over 0 and at most "
                f"{MAX_WEIGHT:g}"
            )
    return weighted


def _blend(asked: str, parts: list[tuple[Voice, float]]) -> Voice:
    embeds = np.stack([voice.embed for voice, _ in parts])
    mean = np.average(embeds, axis=0, weights=[weight for _, weight in parts])
    name = " ".join(asked.split())[:MAX_NAME]
    unit = (mean / np.linalg.norm(mean)).astype(np.float32)
    return Voice(id="", name=name, embed=unit)


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(
        f"voice: {problem}; write it as ash(2)+birch(1)", param="voice", code="invalid_blend"
    )
