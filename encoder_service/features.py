"""Input of the speaker encoder: 40 mel bands, cut into overlapping partial utterances."""

import math

import numpy as np
from numpy.typing import NDArray

from encoder_service.hparams import Hparams
from shared.audio.mel import mel_energies, mel_filterbank

Array = NDArray[np.float32]

PARTIAL_OVERLAP = 0.5
MIN_PAD_COVERAGE = 0.75
"""A last partial with a smaller share of sound is dropped, unless it is the only one."""


def mel_frames(wav: Array, hparams: Hparams) -> Array:
    """Power mel bands, without a logarithm.

    wav: [n] in ±1 at 16 kHz. Returns [T, 40], >= 0, T = 1 + n // 160.
    """
    bank = mel_filterbank(
        hparams.sampling_rate,
        hparams.samples_per_window,
        hparams.mel_n_channels,
        fmin=0.0,
        fmax=hparams.sampling_rate / 2,
    )
    return mel_energies(wav, bank, hparams.samples_per_frame, power=2).T


def partial_starts(n_samples: int, hparams: Hparams) -> range:
    """First mel frames of the partial utterances of `n_samples` of sound, as RTVC cuts them.

    The last partial may reach beyond the sound; the caller pads with zeros.
    """
    length = hparams.partials_n_frames
    step = max(1, round(length * (1 - PARTIAL_OVERLAP)))
    frames = math.ceil((n_samples + 1) / hparams.samples_per_frame)
    starts = range(0, max(1, frames - length + step + 1), step)
    coverage = (n_samples / hparams.samples_per_frame - starts[-1]) / length
    return starts[:-1] if coverage < MIN_PAD_COVERAGE and len(starts) > 1 else starts
