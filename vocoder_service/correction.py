"""Spectral correction: the network's sound is brought nearer to the mel that it was made from.

Free-running, a WaveRNN fills the gaps between harmonics with noise, the more the less it has been
trained. The mel tells how loud each band should be. So each bin of the sound's short-time spectrum
is scaled by what its bands lack or have too much, phases left alone, and the sound put together
again by overlap-add (D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier
transform", 1984). Frames overlap, so a pass gets most of the way, and the next ones further.

Shapes: T mel frames, K short-time frames, B = 401 bins. A short-time frame is n_fft samples around
a mel frame's centre; those that only reach into the sound's ends take the mel's first or last.
"""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from shared.mel import MEL_FORMAT, mel_filterbank
from shared.tensors import Float32Array

PASSES = 3  # as many as pay: more are not understood better
LEAST, MOST = 0.1, 2.0  # gain of a band in one pass

_HOP, _N_FFT = MEL_FORMAT.hop_length, MEL_FORMAT.n_fft
_REACH = _N_FFT - _HOP  # samples by which the first short-time frame begins before the sound
_WINDOW = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
_TOGETHER = np.float32(np.sum(_WINDOW.astype(np.float64) ** 2) / _HOP)  # of all windows squared


def corrected(
    wave: Iterable[Float32Array], mel: Float32Array, passes: int
) -> Iterator[Float32Array]:
    """The sound in chunks [n] in ±1, as many samples as came, 600 samples a pass later.

    The same samples for the same chunks; whatever the chunks, the same but for rounding.

    Args:
        wave: chunks [n] of (T - 1) * 200 samples together, or of 200 where T is 1.
        mel: [80, T] in ±4, what the sound was made from.
        passes: 0 or more; 0 leaves the sound as it is.
    """
    for _ in range(passes):
        wave = _Pass(mel).sound(wave)
    return (np.clip(chunk, -1, 1) for chunk in wave) if passes else iter(wave)


class _Pass:
    def __init__(self, mel: Float32Array) -> None:
        self._wanted = _amplitudes(mel.T)
        self._next = -1  # mel frame, of the next short-time frame
        self._samples = np.zeros(_REACH, np.float32)  # that the next frames begin with
        self._sum = np.zeros(_REACH, np.float32)  # of the frames so far, from the same sample on

    def sound(self, wave: Iterable[Float32Array]) -> Iterator[Float32Array]:
        unheard, came = _REACH, 0  # of what comes out first, before the sound begins
        for chunk in wave:
            came += len(chunk)
            made = self._add(chunk)
            if len(made) > unheard:
                yield made[unheard:]
            unheard = max(0, unheard - len(made))
        left = self._add(np.zeros(_REACH + _HOP - 1, np.float32))
        # Of the last frame, the padding: what is over a multiple of the hop, and silence.
        yield left[unheard : len(left) - (-came % _HOP)]

    def _add(self, chunk: Float32Array) -> Float32Array:
        """The samples that no later frame reaches."""
        samples = np.concatenate([self._samples, chunk])
        count = max(0, (len(samples) - _REACH) // _HOP)
        self._samples = samples[count * _HOP :]
        if not count:
            return samples[:0]
        frames = sliding_window_view(samples, _N_FFT)[::_HOP][:count] * _WINDOW
        spectrum = np.fft.rfft(frames)
        spectrum *= self._gains(np.abs(spectrum))
        frames = np.fft.irfft(spectrum).astype(np.float32, copy=False)
        frames *= _WINDOW / _TOGETHER
        total = np.concatenate([self._sum, np.zeros(count * _HOP, np.float32)])
        for start in range(0, _N_FFT, _HOP):
            total[start : start + count * _HOP] += frames[:, start : start + _HOP].ravel()
        self._sum = total[count * _HOP :]
        return total[: count * _HOP]

    def _gains(self, magnitudes: Float32Array) -> Float32Array:
        """Of the next frames. magnitudes: [K, B] -> [K, B]"""
        frames = self._next + np.arange(len(magnitudes))
        self._next += len(magnitudes)
        wanted = self._wanted[frames.clip(0, len(self._wanted) - 1)]
        bank, back = _banks()
        found = np.maximum(magnitudes @ bank, _amplitudes(np.float32(-MEL_FORMAT.max_abs)))
        gains: Float32Array = np.clip(wanted / found, LEAST, MOST) @ back
        return gains


def _amplitudes(mel: Float32Array | np.float32) -> Float32Array:
    """Those that `mel_spectrogram` took the logarithm of, of the same shape."""
    fmt = MEL_FORMAT
    level_db = (mel / fmt.max_abs - 1) / 2 * -fmt.min_level_db + fmt.ref_level_db
    return np.power(10, level_db / 20, dtype=np.float32)


@cache
def _banks() -> tuple[Float32Array, Float32Array]:
    """Bands of a spectrum without pre-emphasis [B, 80], and bins between bands [80, B].

    A bin takes the gains of the two bands that it lies between, by its part in each; outside of all
    bands, of the nearest.
    """
    fmt = MEL_FORMAT
    bank = mel_filterbank(fmt.sample_rate, fmt.n_fft, fmt.n_mels, fmt.fmin, fmt.fmax)
    shares = bank / bank.max(axis=1, keepdims=True)
    within = np.flatnonzero(shares.sum(axis=0))
    shares[0, : within[0]] = shares[-1, within[-1] + 1 :] = 1
    turns = 2j * np.pi * np.arange(bank.shape[1]) / fmt.n_fft
    emphasis = np.abs(1 - fmt.preemphasis * np.exp(-turns))
    back = shares / shares.sum(axis=0)
    return (bank * emphasis).T.astype(np.float32), back.astype(np.float32)
