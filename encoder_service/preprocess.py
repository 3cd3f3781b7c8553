"""From a recording to the sound that the encoder hears, with a report on the recording.

Resampling, volume and trimming equal those of RTVC's `encoder/audio.py`. RTVC has no report, and
keeps an offset.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import soxr
import webrtcvad
from numpy.typing import NDArray

from encoder_service.hparams import SAMPLING_RATE
from encoder_service.measures import (
    VAD_WINDOW,
    Array,
    Mask,
    clipped_share,
    dbfs,
    offset,
    rms,
    snr_db,
    spectral_change,
    tone_share,
    windows,
)
from shared.audio.clip_report import ClipReport

TARGET_DBFS = -30.0

VAD_MODE = 3  # the strictest
VAD_MOVING_AVERAGE_WIDTH = 8  # windows
VAD_MAX_SILENCE_LENGTH = 6  # windows of silence that stay between words

MIN_LEVEL_DBFS = -60.0
MIN_VOICED_SECONDS = 0.3
FULL_VOICED_SECONDS = 1.6  # one partial utterance; with less the encoder hears padding
MAX_CLIPPED_SHARE = 0.001
MIN_SNR_DB = 10.0

# Share of the RMS. 1.5 % moves an embedding by up to 0.01, and 5 % by up to 0.12. Of 413 clips of
# LibriSpeech, VCTK and the presets, 4 have more.
MAX_OFFSET_SHARE = 0.015

# A voice's spectrum changes from sound to sound. Measured in dB by `spectral_change`:
# white, pink and brown noise, hum and tones, also pulsing or cut off: 1.3 and less. Speech of 1.2 s
# and more: 2.7 and more, even whispered, clipped, at 8 kHz, or with noise 5 dB below it. Half a
# second of speech: 1.6 and more.
MIN_SPECTRAL_CHANGE_DB = 1.5

# Measured by `tone_share`: chords and melodies with notes of 0.25 s and more, sirens and sweeps:
# 0.52 to 1. Speech of 103 LibriSpeech and VCTK clips: 0.13 and less; at 4 or 8 kHz 0.18; under a
# hum louder than itself 0.45. Instruments with vibrato, and music with drums, pass.
MAX_TONE_SHARE = 0.5
WARN_TONE_SHARE = 0.25


class UnusableClip(ValueError):
    """No voice can be taken from this sound; the message names the problem and the remedy."""


@dataclass(frozen=True)
class Assessment:
    """problem: the reason to refuse the clip, and the remedy; None if it can be used."""

    report: ClipReport
    problem: str | None


def preprocess(wav: Array, sr: int) -> Array:
    """Resample to 16 kHz, remove an offset, raise the volume to -30 dBFS, cut long silences.

    wav: [n] in ±1 at `sr` Hz. Returns [m] at 16 kHz, a multiple of 480; empty without voice.
    """
    normalised = normalise_volume(remove_offset(resample(wav, sr)))
    return trim_long_silences(normalised, voiced_windows(normalised))


def usable_voice(wav: Array, sr: int) -> tuple[Array, ClipReport]:
    """`preprocess` and `assess` in one pass. Raises UnusableClip."""
    voice, assessment = _preprocess_and_assess(wav, sr)
    if assessment.problem:
        raise UnusableClip(assessment.problem)
    return voice, assessment.report


def assess(wav: Array, sr: int) -> Assessment:
    """Judge a recording of any kind, without raising. wav: [n] in ±1 at `sr` Hz."""
    return _preprocess_and_assess(wav, sr)[1]


def resample(wav: Array, sr: int) -> Array:
    """To 16 kHz, sample for sample as librosa.resample. wav: [n]; returns [ceil(16000 n / sr)]."""
    if sr == SAMPLING_RATE:
        return wav
    length = math.ceil(len(wav) * (SAMPLING_RATE / sr))
    resampled = soxr.resample(wav, sr, SAMPLING_RATE, quality="HQ")[:length]
    return np.pad(resampled, (0, length - len(resampled)))


def remove_offset(wav: Array) -> Array:
    """Centre the waveform on 0 if its centre is far off. wav: [n] at 16 kHz."""
    return wav - offset(wav) if _has_offset(wav) else wav


def normalise_volume(wav: Array) -> Array:
    """Raise to -30 dBFS RMS. Louder sound keeps its volume, and so does silence."""
    level, target = rms(wav), 10 ** (TARGET_DBFS / 20)
    return wav * np.float32(target / level) if 0 < level < target else wav


def voiced_windows(wav: Array) -> Mask:
    """WebRTC's voice activity for each whole window of 30 ms. wav: [n] at 16 kHz; [n // 480]."""
    scaled = np.clip(wav, -1, 1) * 32767
    pcm = np.rint(scaled, out=scaled).astype(np.int16)
    vad = webrtcvad.Vad(VAD_MODE)
    ends = range(VAD_WINDOW, len(wav) + 1, VAD_WINDOW)
    flags = [vad.is_speech(pcm[end - VAD_WINDOW : end].tobytes(), SAMPLING_RATE) for end in ends]
    return np.array(flags, dtype=np.bool_)


def trim_long_silences(wav: Array, voiced: Mask) -> Array:
    """Cut silences longer than a few windows, and the rest after the last whole window.

    wav: [n]; voiced: [n // 480]. Returns [480 × windows kept].
    """
    smooth = _moving_sum(voiced, VAD_MOVING_AVERAGE_WIDTH) > VAD_MOVING_AVERAGE_WIDTH / 2
    kept = _moving_sum(smooth, VAD_MAX_SILENCE_LENGTH + 1) > 0
    return windows(wav)[kept].ravel()


def _moving_sum(mask: Mask, width: int) -> NDArray[np.int64]:
    """Set entries among the `width` around each; an even width reaches further ahead."""
    padded = np.pad(mask.astype(np.int64), ((width - 1) // 2, width // 2))
    total = np.pad(np.cumsum(padded), (1, 0))
    return total[width:] - total[:-width]


def _mean_offset(wav: Array) -> float:
    """RMS of the means of its seconds: a drift counts, rumble does not."""
    if not len(wav):
        return 0.0
    seconds = np.array_split(wav, max(1, len(wav) // SAMPLING_RATE))
    return rms(np.array([second.mean(dtype=np.float64) for second in seconds], np.float32))


def _has_offset(wav: Array) -> bool:
    return _mean_offset(wav) > MAX_OFFSET_SHARE * rms(wav)


def _preprocess_and_assess(wav: Array, sr: int) -> tuple[Array, Assessment]:
    sound = resample(wav, sr)
    found_offset, has_offset = _mean_offset(sound), _has_offset(sound)
    centred = sound - offset(sound) if has_offset else sound
    normalised = normalise_volume(centred)
    voiced = voiced_windows(normalised)
    voice = trim_long_silences(normalised, voiced)
    report = ClipReport(
        seconds=len(wav) / sr,
        voiced_seconds=len(voice) / SAMPLING_RATE,
        clipped_share=clipped_share(wav),
        level_dbfs=dbfs(windows(centred)[voiced].ravel() if voiced.any() else centred),
        snr_db=snr_db(centred, voiced),
        offset=found_offset,
        tone_share=tone_share(centred, voiced),
    )
    if problem := _problem(report, sound, centred, voiced):
        return voice, Assessment(report, problem)
    notes = (_offset_note(found_offset),) if has_offset else ()
    report = replace(report, warnings=tuple(_warnings(report)), notes=notes)
    return voice, Assessment(report, None)


def _problem(report: ClipReport, sound: Array, centred: Array, voiced: Mask) -> str | None:
    """sound: the clip at 16 kHz. centred: the same without its offset."""
    if not len(sound):
        return "the clip is empty; send a recording of someone who speaks"
    if not sound.any():
        return "the clip is silent, every sample is 0; check that the microphone is on"
    if report.offset > rms(centred) and report.level_dbfs < MIN_LEVEL_DBFS:
        return _no_voice("every sample has nearly the same value")
    if report.level_dbfs < MIN_LEVEL_DBFS:
        return (
            f"the clip is too quiet: {report.level_dbfs:.0f} dBFS, must be {MIN_LEVEL_DBFS:.0f} "
            "dBFS or more; record it louder or closer"
        )
    if report.voiced_seconds < MIN_VOICED_SECONDS:
        voice = f"only {report.voiced_seconds:.2f} s of" if report.voiced_seconds else "no"
        return (
            f"{voice} voice found in {len(sound) / SAMPLING_RATE:.2f} s of sound, at least "
            f"{MIN_VOICED_SECONDS} s is needed; send a few seconds of someone who speaks"
        )
    if spectral_change(centred, voiced) < MIN_SPECTRAL_CHANGE_DB:
        return _no_voice("the sound is steady, as noise, hum or a tone is")
    if report.tone_share > MAX_TONE_SHARE:
        return _no_voice("the sound is tones or chords, as music or a signal is")
    return None


def _no_voice(reason: str) -> str:
    return f"no voice found: {reason}; send a few seconds of someone who speaks"


def _warnings(report: ClipReport) -> list[str]:
    warnings = []
    if report.voiced_seconds < FULL_VOICED_SECONDS:
        warnings.append(
            f"only {report.voiced_seconds:.1f} s of voice, so the likeness will be poor; "
            f"send {FULL_VOICED_SECONDS} s or more, best 5 s"
        )
    if report.clipped_share > MAX_CLIPPED_SHARE:
        warnings.append(
            f"{report.clipped_share:.1%} of the samples are clipped; record at a lower level"
        )
    if report.snr_db < MIN_SNR_DB:
        warnings.append(
            f"the voice is only {report.snr_db:.0f} dB above the noise; record somewhere quiet"
        )
    if report.tone_share > WARN_TONE_SHARE:
        warnings.append(
            f"{report.tone_share:.0%} of the sound is steady tones, as music or hum; record the "
            "voice alone"
        )
    return warnings


def _offset_note(found: float) -> str:
    return (
        f"the waveform was off centre by {found:.1%} of full scale (a DC offset, from the "
        "microphone or its converter), which was removed"
    )
