"""From a recording to what the encoder hears, and a judgement whether a voice is in it at all.

Resampling, volume and trimming are those of RTVC's `encoder/audio.py`; the judgement is ours.
"""

import math
from dataclasses import dataclass

import numpy as np
import soxr
import webrtcvad
from numpy.typing import NDArray

from encoder_service.hparams import SAMPLING_RATE
from shared.audio.mel import mel_energies, mel_filterbank

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

TARGET_DBFS = -30.0

VAD_MODE = 3  # the strictest
VAD_WINDOW_MS = 30
VAD_WINDOW = SAMPLING_RATE * VAD_WINDOW_MS // 1000  # 480 samples
VAD_MOVING_AVERAGE_WIDTH = 8  # windows
VAD_MAX_SILENCE_LENGTH = 6  # windows of silence that stay between words

MIN_LEVEL_DBFS = -60.0
MIN_VOICED_SECONDS = 0.3
FULL_VOICED_SECONDS = 1.6  # one partial utterance; with less the encoder hears padding
FULL_SCALE = 0.999  # |sample| from which it counts as clipped
MAX_CLIPPED_SHARE = 0.001
MIN_SNR_DB = 10.0

# A voice's spectrum changes from sound to sound. Measured, in dB, as `_spectral_change` gives it:
# white, pink and brown noise, hum and tones, also pulsing or cut off: 1.3 and less. Speech of 1.2 s
# and more: 2.7 and more, even whispered, clipped, at 8 kHz, or with noise 5 dB below it. Half a
# second of speech: 1.6 and more. Music, sirens and sweeps pass.
MIN_SPECTRAL_CHANGE_DB = 1.5
CHANGE_BANDS = 20
CHANGE_SMOOTHING = 3  # windows: 90 ms, about a phoneme
CHANGE_PIECE = 53  # windows: 1.6 s
CHANGE_FLOOR_DB = -40.0  # below the loudest band
NORMAL_STD_PER_MAD = 1.48


class UnusableClip(ValueError):
    """No voice can be taken from this sound; the message names the problem and the remedy."""


@dataclass(frozen=True)
class ClipReport:
    seconds: float
    voiced_seconds: float
    """What is left when long silences are cut."""
    clipped_share: float
    """0 to 1: samples at full scale."""
    level_dbfs: float
    """RMS of the voice, or of all where none was found; -120 at the lowest."""
    snr_db: float
    """0 to 60: voice over the quietest tenth of the clip, so too low where nobody pauses."""
    problem: str | None
    """Why the clip cannot be used, and the remedy; None where it can."""
    warnings: tuple[str, ...]
    """What will make the embedding a worse likeness."""


def preprocess(wav: Array, sr: int) -> Array:
    """Resample to 16 kHz, raise the volume to -30 dBFS, cut long silences.

    wav: [n] in ±1 at `sr` Hz. Returns [m] at 16 kHz, a multiple of 480; empty without voice.
    """
    normalised = normalise_volume(resample(wav, sr))
    return trim_long_silences(normalised, voiced_windows(normalised))


def usable_voice(wav: Array, sr: int) -> tuple[Array, ClipReport]:
    """`preprocess` and `assess` in one pass. Raises UnusableClip."""
    voice, report = _hear(wav, sr)
    if report.problem:
        raise UnusableClip(report.problem)
    return voice, report


def assess(wav: Array, sr: int) -> ClipReport:
    """Judge a recording of any kind, without raising. wav: [n] in ±1 at `sr` Hz."""
    return _hear(wav, sr)[1]


def resample(wav: Array, sr: int) -> Array:
    """To 16 kHz, sample for sample as librosa.resample. wav: [n]; returns [ceil(16000 n / sr)]."""
    if sr == SAMPLING_RATE:
        return wav
    length = math.ceil(len(wav) * (SAMPLING_RATE / sr))
    resampled = soxr.resample(wav, sr, SAMPLING_RATE, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled)))


def normalise_volume(wav: Array) -> Array:
    """Raise to -30 dBFS RMS; louder sound stays as it is, and so does silence."""
    rms, target = _rms(wav), 10 ** (TARGET_DBFS / 20)
    return wav * np.float32(target / rms) if 0 < rms < target else wav


def voiced_windows(wav: Array) -> Mask:
    """WebRTC's voice activity for each whole window of 30 ms. wav: [n] at 16 kHz; [n // 480]."""
    scaled = np.clip(wav, -1, 1) * 32767
    pcm = np.rint(scaled, out=scaled).astype(np.int16)
    vad = webrtcvad.Vad(VAD_MODE)
    ends = range(VAD_WINDOW, len(wav) + 1, VAD_WINDOW)
    flags = [vad.is_speech(pcm[end - VAD_WINDOW : end].tobytes(), SAMPLING_RATE) for end in ends]
    return np.array(flags, dtype=np.bool_)


def trim_long_silences(wav: Array, voiced: Mask) -> Array:
    """Cut silences longer than a few windows, and what is left of the last window.

    wav: [n]; voiced: [n // 480]. Returns [480 × windows kept].
    """
    smooth = _moving_sum(voiced, VAD_MOVING_AVERAGE_WIDTH) > VAD_MOVING_AVERAGE_WIDTH / 2
    kept = _moving_sum(smooth, VAD_MAX_SILENCE_LENGTH + 1) > 0
    return _windows(wav)[kept].ravel()


def _moving_sum(mask: Mask, width: int) -> NDArray[np.int64]:
    """How many of the `width` entries around each are set; an even width reaches further ahead."""
    padded = np.pad(mask.astype(np.int64), ((width - 1) // 2, width // 2))
    total = np.pad(np.cumsum(padded), (1, 0))
    return total[width:] - total[:-width]


def _windows(wav: Array) -> Array:
    """[n] -> [n // 480, 480]"""
    return wav[: len(wav) // VAD_WINDOW * VAD_WINDOW].reshape(-1, VAD_WINDOW)


def _hear(wav: Array, sr: int) -> tuple[Array, ClipReport]:
    """The preprocessed voice, and what to think of it."""
    wav16k = resample(wav, sr)
    normalised = normalise_volume(wav16k)
    voiced = voiced_windows(normalised)
    voice = trim_long_silences(normalised, voiced)
    voiced_seconds = len(voice) / SAMPLING_RATE
    clipped_share = float(np.mean(np.abs(wav) >= FULL_SCALE)) if len(wav) else 0.0
    level = _dbfs(_windows(wav16k)[voiced].ravel() if voiced.any() else wav16k)
    snr = _snr(wav16k, voiced)
    problem = _problem(wav16k, voiced, voiced_seconds, level)
    warnings = () if problem else tuple(_warnings(voiced_seconds, clipped_share, snr))
    return voice, ClipReport(
        len(wav) / sr, voiced_seconds, clipped_share, level, snr, problem, warnings
    )


def _problem(wav: Array, voiced: Mask, voiced_seconds: float, level: float) -> str | None:
    if not len(wav):
        return "the clip is empty; send a recording of someone who speaks"
    if not wav.any():
        return "the clip is silent, every sample is 0; check that the microphone is on"
    if level < MIN_LEVEL_DBFS:
        return (
            f"the clip is too quiet: {level:.0f} dBFS, must be {MIN_LEVEL_DBFS:.0f} dBFS or more; "
            "record it louder or closer"
        )
    if voiced_seconds < MIN_VOICED_SECONDS:
        found = f"only {voiced_seconds:.2f} s of" if voiced_seconds else "no"
        return (
            f"{found} voice found in {len(wav) / SAMPLING_RATE:.2f} s of sound, at least "
            f"{MIN_VOICED_SECONDS} s is needed; send a few seconds of someone who speaks"
        )
    if _spectral_change(wav, voiced) < MIN_SPECTRAL_CHANGE_DB:
        return (
            "no voice found: the sound is steady, as noise, hum or a tone is; "
            "send a few seconds of someone who speaks"
        )
    return None


def _warnings(voiced_seconds: float, clipped_share: float, snr: float) -> list[str]:
    warnings = []
    if voiced_seconds < FULL_VOICED_SECONDS:
        warnings.append(
            f"only {voiced_seconds:.1f} s of voice, so the likeness will be poor; "
            f"send {FULL_VOICED_SECONDS} s or more, best 5 s"
        )
    if clipped_share > MAX_CLIPPED_SHARE:
        warnings.append(f"{clipped_share:.1%} of the samples are clipped; record at a lower level")
    if snr < MIN_SNR_DB:
        warnings.append(f"the voice is only {snr:.0f} dB above the noise; record somewhere quiet")
    return warnings


def _spectral_change(wav: Array, voiced: Mask) -> float:
    """How far the spectrum's shape moves over time: dB, the mean over mel bands.

    Level is taken out of each window, so that noise that comes and goes does not look like a
    voice. Medians let a tone start and stop. The liveliest 1.6 s counts, so that a sentence in a
    long noisy clip is found. One number instead of pitch tracking, which would refuse a whisper.
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


def _snr(wav: Array, voiced: Mask) -> float:
    if not voiced.any():
        return 0.0
    power = _windows(wav).var(axis=1) + 1e-12
    noise = float(np.quantile(power, 0.1))
    voice = float(power[voiced].mean())
    return float(np.clip(10 * np.log10(max(voice / noise - 1, 1e-12)), 0, 60))


def _rms(wav: Array) -> float:
    return float(np.sqrt(np.mean(np.square(wav), dtype=np.float64))) if len(wav) else 0.0


def _dbfs(wav: Array) -> float:
    return 20 * math.log10(max(_rms(wav), 1e-6))
