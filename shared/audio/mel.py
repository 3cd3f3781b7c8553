"""Mel spectrograms with numpy alone: librosa's numbers without librosa's memory and start-up time.

`MEL_FORMAT` is the one mel format of the synthesizer and the vocoder, that of RTVC's
`synthesizer/audio.py`. The encoder computes its own 40 bands through `mel_energies`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from shared.checkpoints.hparams import hparams_from

Array = NDArray[np.float32]

FRAMES_PER_BLOCK = 256  # an STFT's scratch memory: 6 MB at n_fft 800; more is slower, too

# The Slaney scale: linear up to 1 kHz, 27 mels to a factor of 6.4 above it.
LINEAR_HZ_PER_MEL = 200 / 3
KNEE_HZ = 1000.0
KNEE_MEL = KNEE_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27


@dataclass(frozen=True)
class MelFormat:
    """The definition of a mel spectrogram, recorded in each checkpoint's manifest."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 800  # samples, 50 ms
    hop_length: int = 200  # samples, 12.5 ms
    win_length: int = 800  # samples; a shorter window than n_fft is not supported
    n_mels: int = 80
    fmin: float = 55.0  # Hz
    fmax: float = 7600.0  # Hz
    preemphasis: float = 0.97
    min_level_db: float = -100.0
    ref_level_db: float = 20.0
    symmetric: bool = True  # -max_abs..max_abs, not 0..max_abs
    max_abs: float = 4.0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "MelFormat":
        """The format that a manifest states. Raises ValueError for an unknown key."""
        return hparams_from(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """The form in a manifest."""
        return asdict(self)

    def check(self, values: Mapping[str, Any]) -> None:
        """Raises ValueError that names the keys in which a manifest's mel format differs."""
        wanted = self.to_dict()
        differing = [
            f"{key} is {values.get(key, 'missing')}, expected {wanted.get(key, 'no such key')}"
            for key in sorted(wanted.keys() | values.keys())
            if key not in values or key not in wanted or values[key] != wanted[key]
        ]
        if differing:
            raise ValueError(f"another mel format: {'; '.join(differing)}")


MEL_FORMAT = MelFormat()


def mel_spectrogram(wav: Array) -> Array:
    """Log mel spectrogram in `MEL_FORMAT`, as RTVC trains on.

    wav: [n] in ±1 at 16 kHz. Returns [80, T] in ±4, T = 1 + n // 200.
    """
    fmt = MEL_FORMAT
    emphasised = wav.astype(np.float32)
    emphasised[1:] -= np.float32(fmt.preemphasis) * wav[:-1]
    bank = mel_filterbank(fmt.sample_rate, fmt.n_fft, fmt.n_mels, fmt.fmin, fmt.fmax)
    mel = mel_energies(emphasised, bank, fmt.hop_length, power=1)
    floor = np.float32(10 ** (fmt.min_level_db / 20))
    level_db = 20 * np.log10(np.maximum(mel, floor)) - fmt.ref_level_db
    scaled = 2 * fmt.max_abs * (level_db - fmt.min_level_db) / -fmt.min_level_db - fmt.max_abs
    return np.clip(scaled, -fmt.max_abs, fmt.max_abs)


def mel_amplitudes(mel: Array) -> Array:
    """Invert the scaling of `mel_spectrogram`: mel in ±4 to bands of |STFT| of the same shape."""
    fmt = MEL_FORMAT
    level_db = (mel / fmt.max_abs - 1) / 2 * -fmt.min_level_db + fmt.ref_level_db
    return np.power(10, level_db / 20, dtype=np.float32)


def mel_energies(wav: Array, bank: Array, hop_length: int, power: int) -> Array:
    """Mel bands of |STFT| (`power` 1) or |STFT|² (`power` 2), as librosa.feature.melspectrogram.

    wav: [n]; bank: [M, 1 + n_fft / 2]. Returns [M, T], T = 1 + n // hop_length. Periodic Hann
    window of n_fft samples, frames centred on multiples of the hop, zeros beyond both ends.
    """
    n_fft = 2 * (bank.shape[1] - 1)
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    frames = sliding_window_view(np.pad(wav, n_fft // 2), n_fft)[::hop_length]  # [T, n_fft]
    mel = np.empty((len(bank), len(frames)), np.float32)
    for start in range(0, len(frames), FRAMES_PER_BLOCK):
        block = slice(start, start + FRAMES_PER_BLOCK)
        magnitude = np.abs(np.fft.rfft(frames[block] * window))
        mel[:, block] = bank @ (magnitude**power).T
    return mel


def mel_filterbank(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Array:
    """Triangular filters of equal area, evenly spaced on the Slaney scale; librosa.filters.mel.

    Returns [n_mels, 1 + n_fft // 2]. M. Slaney, "Auditory Toolbox", 1998.
    """
    edges = _mel_to_hz(np.linspace(_hz_to_mel(fmin), _hz_to_mel(fmax), n_mels + 2))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return (np.maximum(0, triangles) * 2 / (high - low)).astype(np.float32)


def _hz_to_mel(hz: float) -> float:
    if hz < KNEE_HZ:
        return hz / LINEAR_HZ_PER_MEL
    return float(KNEE_MEL + np.log(hz / KNEE_HZ) / LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above_knee = KNEE_HZ * np.exp(LOG_STEP * (mel - KNEE_MEL))
    return np.where(mel < KNEE_MEL, mel * LINEAR_HZ_PER_MEL, above_knee)
