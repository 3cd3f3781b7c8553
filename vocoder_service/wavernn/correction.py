"""Spectral correction: scale the bands of the network's sound to the levels of its mel.

A free-running WaveRNN fills the gaps between harmonics with noise, especially after little
training. The mel states the level of each band. So each bin of the short-time spectrum is scaled
by the ratio of wanted to found level, with its phase unchanged, and the frames are overlap-added.
Because frames overlap, one pass corrects most of the error and further passes the rest. These are
the iterations of D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier
transform", 1984, with gains in place of target magnitudes.

Shapes: T mel frames, K short-time frames, B = 401 bins, 80 bands. A short-time frame is n_fft
samples around a mel frame's centre.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from shared.audio.mel import MEL_FORMAT, mel_amplitudes, mel_filterbank
from shared.http.tensors import Float32Array

PASSES = 3
"""Chosen by word errors per number of passes: docs/models/vocoder.md."""
MIN_GAIN, MAX_GAIN = 0.1, 2.0  # per band and pass
FRAMES_PER_BLOCK = 64  # computed at once, so that memory does not grow with the utterance

_HOP, _N_FFT = MEL_FORMAT.hop_length, MEL_FORMAT.n_fft
_REACH = _N_FFT - _HOP  # samples from the start of the first frame to the utterance
_SILENCE = mel_amplitudes(np.array(-MEL_FORMAT.max_abs, np.float32))  # the floor of a mel
_WINDOW = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
_OVERLAP_GAIN = np.float32(np.sum(_WINDOW.astype(np.float64) ** 2) / _HOP)


def corrected(
    wave: Iterable[Float32Array], mel: Float32Array, passes: int
) -> Iterator[Float32Array]:
    """The corrected wave in chunks [n], with the same number of samples as the input.

    Each pass delays the output by 600 to 799 samples. Other chunk sizes change rounding only.

    Args:
        wave: chunks [n] in ±1; sample t * 200 is the centre of mel frame t.
        mel: [80, T] in ±4, the mel of the wave.
        passes: 0 or more; 0 returns the wave unchanged.
    """
    wanted = mel_amplitudes(mel.T)
    for _ in range(passes):
        wave = _Pass(wanted).sound(wave)
    return iter(wave)


class _Pass:
    """One pass over a wave, block by block."""

    def __init__(self, wanted: Float32Array) -> None:
        """wanted: amplitudes of the mel's bands [T, 80]."""
        self._wanted = wanted
        self._next_frame = -1  # of the mel; short-time frames start one earlier
        self._samples = np.zeros(_REACH, np.float32)  # the start of the next frames
        self._sum = np.zeros(_REACH, np.float32)  # overlap-added frames, from the same sample on

    def sound(self, wave: Iterable[Float32Array]) -> Iterator[Float32Array]:
        delay, received = _REACH, 0  # samples: before the utterance; of the input so far
        for chunk in wave:
            received += len(chunk)
            for start in range(0, len(chunk), FRAMES_PER_BLOCK * _HOP):
                made = self._add(chunk[start : start + FRAMES_PER_BLOCK * _HOP])
                if len(made) > delay:
                    yield made[delay:]
                delay = max(0, delay - len(made))
        made = self._add(np.zeros(_REACH + _HOP - 1, np.float32))
        yield made[delay : len(made) - (-received % _HOP)]  # without the padding of the last hop

    def _add(self, chunk: Float32Array) -> Float32Array:
        """Add a chunk; returns the samples that no later frame overlaps."""
        samples = np.concatenate([self._samples, chunk])
        count = max(0, (len(samples) - _REACH) // _HOP)
        done = count * _HOP
        self._samples = samples[done:].copy()  # a copy: a view would keep the whole array alive
        if not count:
            return samples[:0]
        frames = sliding_window_view(samples, _N_FFT)[::_HOP][:count] * _WINDOW
        spectrum = np.fft.rfft(frames)
        spectrum *= self._gains(np.abs(spectrum))
        frames = np.fft.irfft(spectrum) * (_WINDOW / _OVERLAP_GAIN)
        total = np.concatenate([self._sum, np.zeros(done, np.float32)])
        for start in range(0, _N_FFT, _HOP):
            total[start : start + done] += frames[:, start : start + _HOP].ravel()
        self._sum = total[done:].copy()
        return total[:done]

    def _gains(self, magnitudes: Float32Array) -> Float32Array:
        """Gains for the next short-time frames. magnitudes: [K, B] -> [K, B]

        A frame centred outside the mel holds only the edge of the sound, at a lower level. Its gain
        follows the mel's first or last frame and may not exceed 1.
        """
        frames = self._next_frame + np.arange(len(magnitudes))
        self._next_frame += len(magnitudes)
        within = frames.clip(0, len(self._wanted) - 1)
        max_gain = np.where(within == frames, MAX_GAIN, 1).astype(np.float32)
        to_bands, to_bins = _banks()
        found = np.maximum(magnitudes @ to_bands, _SILENCE)
        gains = np.clip(self._wanted[within] / found, MIN_GAIN, max_gain[:, np.newaxis])
        by_bin: Float32Array = gains @ to_bins
        return by_bin


@cache
def _banks() -> tuple[Float32Array, Float32Array]:
    """Matrices from bins to bands [B, 80], without pre-emphasis, and from bands to bins [80, B].

    A bin's gain is interpolated between its two bands; outside all bands it is the nearest band's.
    """
    fmt = MEL_FORMAT
    bank = mel_filterbank(fmt.sample_rate, fmt.n_fft, fmt.n_mels, fmt.fmin, fmt.fmax)
    shares = bank / bank.max(axis=1, keepdims=True)
    within = np.flatnonzero(shares.sum(axis=0))
    shares[0, : within[0]] = shares[-1, within[-1] + 1 :] = 1
    turns = 2j * np.pi * np.arange(bank.shape[1]) / fmt.n_fft
    emphasis = np.abs(1 - fmt.preemphasis * np.exp(-turns))
    to_bins = shares / shares.sum(axis=0)
    return (bank * emphasis).T.astype(np.float32), to_bins.astype(np.float32)
