"""Spectral correction: the network's sound is brought nearer to the mel that it was made from.

Free-running, a WaveRNN fills the gaps between harmonics with noise, the more the less it has been
trained. The mel tells how loud each band should be. So each bin of the sound's short-time spectrum
is scaled by what its bands lack or have too much, phases left alone, and the sound put together
again by overlap-add. Frames overlap, so one pass gets most of the way, and the next ones further:
the iterations of D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier
transform", 1984, but with gains in place of wanted magnitudes.

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
"""As many as pay: docs/models/vocoder.md has the words wrong by number of passes."""
MIN_GAIN, MAX_GAIN = 0.1, 2.0  # of a band, in one pass
FRAMES_PER_BLOCK = 64  # that are computed at once, so that memory does not grow with the sound

_HOP, _N_FFT = MEL_FORMAT.hop_length, MEL_FORMAT.n_fft
_REACH = _N_FFT - _HOP  # samples by which the first short-time frame begins before the sound
_SILENCE = mel_amplitudes(np.array(-MEL_FORMAT.max_abs, np.float32))  # the least that a mel tells
_WINDOW = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
_OVERLAP_GAIN = np.float32(np.sum(_WINDOW.astype(np.float64) ** 2) / _HOP)


def corrected(
    wave: Iterable[Float32Array], mel: Float32Array, passes: int
) -> Iterator[Float32Array]:
    """The sound in chunks [n], as many samples as came; what goes in comes out 600 to 799 samples a
    pass later.

    The same chunks give the same samples; in other chunks they are the same but for rounding.

    Args:
        wave: chunks [n] in ±1; sample t * 200 is the centre of mel frame t.
        mel: [80, T] in ±4, what the sound was made from.
        passes: 0 or more; 0 leaves the sound as it is.
    """
    wanted = mel_amplitudes(mel.T)
    for _ in range(passes):
        wave = _Pass(wanted).sound(wave)
    return iter(wave)


class _Pass:
    def __init__(self, wanted: Float32Array) -> None:
        """wanted: amplitudes of the mel's bands [T, 80]."""
        self._wanted = wanted
        self._next_frame = -1  # of the mel; the short-time frames begin one before it
        self._samples = np.zeros(_REACH, np.float32)  # that the next frames begin with
        self._sum = np.zeros(_REACH, np.float32)  # of the frames so far, from the same sample on

    def sound(self, wave: Iterable[Float32Array]) -> Iterator[Float32Array]:
        delay, came = _REACH, 0  # samples: that come out before the sound begins; that went in
        for chunk in wave:
            came += len(chunk)
            for start in range(0, len(chunk), FRAMES_PER_BLOCK * _HOP):
                made = self._add(chunk[start : start + FRAMES_PER_BLOCK * _HOP])
                if len(made) > delay:
                    yield made[delay:]
                delay = max(0, delay - len(made))
        made = self._add(np.zeros(_REACH + _HOP - 1, np.float32))
        yield made[delay : len(made) - (-came % _HOP)]  # without what fills up the last hop

    def _add(self, chunk: Float32Array) -> Float32Array:
        """The samples that no later frame reaches."""
        samples = np.concatenate([self._samples, chunk])
        count = max(0, (len(samples) - _REACH) // _HOP)
        done = count * _HOP
        self._samples = samples[done:].copy()  # a view would keep the rest
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
        """Of the next short-time frames. magnitudes: [K, B] -> [K, B]

        A frame whose centre is outside of the mel sees the edge of the sound alone, at less than
        its level. So it may make the sound quieter, by the mel's first or last frame, not louder.
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
    """Bands of the spectrum of sound without pre-emphasis [B, 80]; bins between the bands [80, B].

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
    to_bins = shares / shares.sum(axis=0)
    return (bank * emphasis).T.astype(np.float32), to_bins.astype(np.float32)
