"""Warm-up of a fold: how long a zero state hurts in mid-speech."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.results import Row, Table
from benchmarks.speech_clips import HOP, PAD, SpeechClip, cross_entropy
from vocoder_service.wavernn.folding import FADE, FRAMES_HEARD, OVERLAP, REACH
from vocoder_service.wavernn.model import WaveRNN

COLD_FRAMES = 5  # frames to inspect after a cold start
BINS = [0, 50, 100, 200, 300, 400, 600, 1000]  # samples after the start
OVERLAPS = [2, OVERLAP, 4, 6]  # frames


def measure(model: WaveRNN, clips: Sequence[SpeechClip]) -> Table:
    """Excess cross-entropy on real speech after a start from a zero state in mid-speech."""
    curves = [excess(model, clip) for clip in clips]  # [COLD_FRAMES * hop] nats each
    rows = [
        Row(f"samples {a} to {b} after the start", "nat", [float(c[a:b].mean()) for c in curves])
        for a, b in pairwise(BINS)
    ]
    for overlap in OVERLAPS:
        unheard = overlap * HOP - 2 * REACH - FADE  # samples, at least
        work = (FRAMES_HEARD + overlap) / FRAMES_HEARD
        name = f"overlap of {overlap} frames ({work:.2f} times the work), in the fade"
        heard = [float(curve[unheard : unheard + FADE].mean()) for curve in curves]
        rows.append(Row(name, "nat", heard))
    note = "cross-entropy above that of the network which has heard all before; teacher-forced"
    return Table("A fold that starts at rest in mid-speech", note, rows)


@torch.inference_mode()
def excess(model: WaveRNN, clip: SpeechClip) -> NDArray[np.float64]:
    """[COLD_FRAMES * hop] nats, averaged over starts within speech."""
    fed, mel = torch.from_numpy(clip.fed), torch.from_numpy(clip.mel)
    whole = cross_entropy(model(fed[None], mel.T[None])[0], clip.labels)
    loudness = clip.mel[PAD:-PAD].mean(axis=1)  # [T]
    starts = [
        frame
        for frame in range(0, len(loudness) - COLD_FRAMES, COLD_FRAMES)
        if loudness[frame] > np.median(loudness)
    ]
    samples = [slice(frame * HOP, (frame + COLD_FRAMES) * HOP) for frame in starts]
    mels = torch.stack([mel[frame : frame + COLD_FRAMES + 2 * PAD].T for frame in starts])
    cold_fed = torch.stack([fed[some] for some in samples])
    cold_fed[:, 0] = 0  # `FoldState.at_rest`
    labels = np.stack([clip.labels[some] for some in samples])
    cold = cross_entropy(model(cold_fed, mels), labels)
    warm = np.stack([whole[some] for some in samples])
    mean: NDArray[np.float64] = (cold - warm).mean(axis=0)
    return mean
