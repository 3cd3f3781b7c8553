"""Long recordings are cut down to their best part, within bounded memory."""

import io

import numpy as np
import pytest
import soundfile

from encoder_service import recordings
from encoder_service.preprocess import resample
from encoder_service.recordings import best_part, read_recording, shortened
from shared.audio.files import Clip
from shared.voices import sample_clip

RATE = 16_000
CLIP = sample_clip(seconds=8)
VOICE = resample(CLIP.wav, CLIP.rate)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_best_minute_of_a_long_file_is_used(kind: str) -> None:
    voice = np.concatenate([np.zeros(100 * RATE, np.float32), *[VOICE] * 12])
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 1, format=kind) as writer:
        for second in np.array_split(voice, len(voice) // RATE):
            writer.write(second)
    recording = read_recording(file.getvalue(), 60)
    assert len(recording.wav) == 60 * RATE
    assert np.abs(recording.wav[: 20 * RATE]).max() > 0.1
    assert "the best 60 s" in recording.notes[0]


def test_only_the_first_ten_minutes_of_a_file_are_read() -> None:
    quiet = 0.01 * np.ones(4_000 * 700, np.float32)
    file = io.BytesIO()
    soundfile.write(file, quiet, 4_000, format="FLAC")
    recording = read_recording(file.getvalue(), 60)
    assert len(recording.wav) == 60 * RATE
    assert "first 10 minutes" in recording.notes[0]
    assert "600 s long" in recording.notes[1]


def test_short_clip_is_left_alone() -> None:
    recording = shortened(CLIP, 60)
    assert recording.wav is CLIP.wav
    assert recording.notes == ()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_best_part_is_the_one_with_clear_speech(place: int) -> None:
    """Noise and clipped speech are the others."""
    noisy = VOICE + np.random.default_rng(0).normal(0, 0.1, len(VOICE)).astype(np.float32)
    parts = [noisy, np.clip(30 * VOICE, -1, 1)]
    parts.insert(place, VOICE)
    best, note = best_part(np.concatenate(parts), 6)
    assert len(best) == 6 * RATE
    distances = [
        np.abs(best[:RATE] - VOICE[start : start + RATE]).max()
        for start in range(0, len(VOICE) - RATE, RATE)
    ]
    assert min(distances) == 0
    assert "24 s long; the best 6 s" in note


def test_sound_at_a_high_rate_is_resampled_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recordings, "joined", None)  # which would hold it whole
    file = io.BytesIO()
    soundfile.write(file, np.repeat(VOICE, 12), 192_000, format="FLAC")
    recording = read_recording(file.getvalue(), 60)
    assert recording.rate == RATE
    assert len(recording.wav) == len(VOICE)
    assert recording.notes == ()


def test_json_clip_over_the_limit_is_shortened_too() -> None:
    long = Clip(np.concatenate([np.zeros(4_000 * 30, np.float32), VOICE[::4]]), 4_000)
    recording = shortened(long, 8)
    assert (recording.rate, len(recording.wav)) == (RATE, 8 * RATE)
    assert np.abs(recording.wav[: 7 * RATE]).max() > 0.05
