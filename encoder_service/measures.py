"""Measurements of a recording at 16 kHz, from which its usefulness as a reference is judged.

The detectors of noise and of tones look at how the spectrum moves. Pitch tracking would be simpler
to explain, but refuses a whisper.
"""

import math

import numpy as np
from numpy.typing import NDArray

from encoder_service.hparams import SAMPLING_RATE
from shared.audio.mel import mel_energies, mel_filterbank

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

VAD_WINDOW_MS = 30
VAD_WINDOW = SAMPLING_RATE * VAD_WINDOW_MS // 1000  # 480 samples
FULL_SCALE = 0.999  # |sample| from which it counts as clipped
MIN_DBFS = -120.0
MAX_SNR_DB = 60.0

OFFSET_SECONDS = 0.1  # two moving averages of this width keep a voice of 80 Hz to within 0.2 %

CHANGE_BANDS = 20
CHANGE_SMOOTHING = 3  # windows: 90 ms, about a phoneme
CHANGE_PIECE = 53  # windows: 1.6 s
CHANGE_FLOOR_DB = -40.0  # below the loudest band
NORMAL_STD_PER_MAD = 1.48

TONE_FFT = 1024  # samples: 64 ms, bins of 16 Hz
TONE_BINS = slice(7, 512)  # 110 to 8000 Hz: mains hum under a voice is no music
TONE_LAG = 3  # windows: 90 ms; a speaker's pitch has moved by then, a note has not
TONE_FLOOR_DB = -40.0  # below the strongest bin of a window
MIN_STEADY_COSINE = 0.95  # of two spectra in dB above the floor
PEAKS = 4
PEAK_RADIUS = 3  # bins, to either side
MIN_PEAK_SHARE = 0.998  # of a window's power: nothing but a few sines
TONE_BATCH = 1000  # windows: bounds memory


def rms(wav: Array) -> float:
    """Root mean square; 0 for no samples."""
    return float(np.sqrt(np.mean(np.square(wav), dtype=np.float64))) if len(wav) else 0.0


def dbfs(wav: Array) -> float:
    """RMS in dB of full scale, -120 at the lowest."""
    return 20 * math.log10(max(rms(wav), 10 ** (MIN_DBFS / 20)))


def windows(wav: Array) -> Array:
    """[n] -> [n // 480, 480]"""
    return wav[: len(wav) // VAD_WINDOW * VAD_WINDOW].reshape(-1, VAD_WINDOW)


def clipped_share(wav: Array) -> float:
    """0 to 1: samples at full scale."""
    return float(np.mean(np.abs(wav) >= FULL_SCALE)) if len(wav) else 0.0


def offset(wav: Array) -> Array:
    """The distance of the waveform's centre from 0, over time. wav: [n]; returns [n].

    A smooth curve, not one mean, because cheap converters drift.
    """
    width = min(len(wav), int(OFFSET_SECONDS * SAMPLING_RATE))
    return _moving_average(_moving_average(wav, width), width) if width else wav


def snr_db(wav: Array, voiced: Mask) -> float:
    """0 to 60 dB: voice over the quietest tenth of the clip; 0 without voice."""
    if not voiced.any():
        return 0.0
    power = windows(wav).var(axis=1) + 1e-12
    noise = float(np.quantile(power, 0.1))
    voice = float(power[voiced].mean())
    return float(np.clip(10 * np.log10(max(voice / noise - 1, 1e-12)), 0, MAX_SNR_DB))


def spectral_change(wav: Array, voiced: Mask) -> float:
    """Movement of the spectrum's shape over time: dB, mean over mel bands.

    The level of each window is removed, so that noise that comes and goes does not look like a
    voice. Medians let a tone start and stop. The liveliest 1.6 s counts, so that a sentence in a
    long noisy clip is found.
    """
    bank = mel_filterbank(SAMPLING_RATE, VAD_WINDOW, CHANGE_BANDS, 0, SAMPLING_RATE / 2)
    bands = mel_energies(wav, bank, VAD_WINDOW, power=2)[:, : len(voiced)]  # [20, W]
    box = np.ones(CHANGE_SMOOTHING) / CHANGE_SMOOTHING
    bands = np.stack([np.convolve(band, box, "same") for band in bands])[:, voiced]
    shape = 10 * np.log10(bands + bands.max() * 10 ** (CHANGE_FLOOR_DB / 10))
    shape -= shape.mean(axis=0)
    pieces = np.array_split(shape, max(1, shape.shape[1] // CHANGE_PIECE), axis=1)
    return NORMAL_STD_PER_MAD * max(
        float(np.median(np.abs(piece - np.median(piece, axis=1, keepdims=True)), axis=1).mean())
        for piece in pieces
    )


def tone_share(wav: Array, voiced: Mask) -> float:
    """0 to 1: voiced windows that hold a held note, a chord or a few sines.

    A window counts if its spectrum is still there 90 ms later, or if four peaks hold nearly all of
    its power, as in a siren or a dialling tone.
    """
    spectra = len(wav) - TONE_FFT + 1
    starts = np.flatnonzero(voiced) * VAD_WINDOW
    starts = starts[starts + TONE_LAG * VAD_WINDOW < spectra]
    if not len(starts):
        return 0.0
    batches = np.array_split(starts, math.ceil(len(starts) / TONE_BATCH))
    return sum(int(_is_tone(wav, batch).sum()) for batch in batches) / len(starts)


def _is_tone(wav: Array, starts: NDArray[np.int64]) -> Mask:
    """starts: [W], of windows in `wav`. Returns [W]."""
    now, later = _powers(wav, starts), _powers(wav, starts + TONE_LAG * VAD_WINDOW)
    cosine = np.sum(_shape(now) * _shape(later), axis=1)
    is_tone: Mask = (cosine > MIN_STEADY_COSINE) | (_peak_share(now) > MIN_PEAK_SHARE)
    return is_tone


def _powers(wav: Array, starts: NDArray[np.int64]) -> Array:
    """[W, 505] power spectra."""
    pieces = np.lib.stride_tricks.sliding_window_view(wav, TONE_FFT)[starts]
    spectra = np.fft.rfft(pieces * np.hanning(TONE_FFT).astype(np.float32), axis=1)[:, TONE_BINS]
    powers: Array = (np.square(np.abs(spectra)) + 1e-12).astype(np.float32)
    return powers


def _shape(powers: Array) -> Array:
    """dB above the floor, as vectors of unit length."""
    floor = powers.max(axis=1, keepdims=True) * np.float32(10 ** (TONE_FLOOR_DB / 10))
    above = np.log10(powers + floor) - np.log10(floor)
    shape: Array = above / np.linalg.norm(above, axis=1, keepdims=True)
    return shape


def _peak_share(powers: Array) -> Array:
    left = powers.copy()
    bins = np.arange(powers.shape[1])
    for _ in range(PEAKS):
        strongest = left.argmax(axis=1)
        left[np.abs(bins - strongest[:, None]) <= PEAK_RADIUS] = 0
    share: Array = 1 - left.sum(axis=1) / powers.sum(axis=1)
    return share


def _moving_average(wav: Array, width: int) -> Array:
    """[n]: centred; nearer to an end than half the width, of the samples there are."""
    total = np.concatenate([[0.0], np.cumsum(wav, dtype=np.float64)])
    centres = np.arange(len(wav))
    starts = np.maximum(centres - width // 2, 0)
    ends = np.minimum(centres + width - width // 2, len(wav))
    average: Array = ((total[ends] - total[starts]) / (ends - starts)).astype(np.float32)
    return average
