"""Post-processing shared by both vocoders: length, fade-out and de-emphasis."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from shared.audio.mel import MEL_FORMAT

Wave = NDArray[np.float32]

PREEMPHASIS = MEL_FORMAT.preemphasis
MEL_MAX = MEL_FORMAT.max_abs  # RTVC divides mels by it before the network
END_FADE = 160  # samples at the end: 10 ms


def output_length(frames: int, hop_length: int) -> int:
    """Samples for a mel of T frames: (T - 1) * hop, as in RTVC; one hop for a single frame.

    The mel of a clip of n samples has 1 + n // hop frames, so a clip keeps its length.
    """
    return max(1, frames - 1) * hop_length


def finished(chunks: Iterable[Wave], total: int) -> Iterator[Wave]:
    """Chunks cut to `total` samples, faded out at the end and clipped to ±1."""
    done = 0
    for chunk in chunks:
        wanted = chunk[: total - done]
        left = total - done - np.arange(len(wanted))  # samples left; 1 at the last one
        done += len(wanted)
        if len(wanted):
            yield np.clip(wanted * np.minimum(1, left / END_FADE), -1, 1, dtype=np.float32)


def de_emphasis(
    chunk: NDArray[np.floating], state: NDArray[np.float64]
) -> tuple[Wave, NDArray[np.float64]]:
    """Undo pre-emphasis, y[n] = x[n] + 0.97 y[n - 1], chunk by chunk.

    Args:
        chunk: [..., N], the next samples.
        state: [..., 1], returned with the previous chunk; zeros at the start.

    Returns:
        Samples [..., N], which do not depend on the chunk sizes, and the state for the next chunk.
    """
    # A loop over samples for all waves at once: importing scipy's lfilter takes 77 MB and a second.
    wave = np.array(chunk, np.float64)
    last = state[..., 0]
    for n in range(wave.shape[-1]):
        wave[..., n] += PREEMPHASIS * last
        last = wave[..., n]
    return wave.astype(np.float32), np.array(last)[..., np.newaxis]
