"""Embeddings and reports of real recordings, with the bundled encoder."""

import io
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from encoder_service import inference
from encoder_service.measures import Array
from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import resample
from encoder_service.recordings import Recording, read_recording, shortened
from encoder_service.settings import Settings
from shared.audio.files import Clip
from shared.voices import SAMPLES

RATE = 16_000
PRESETS = ("ash", "birch", "cedar", "elm", "hazel", "rowan")


@pytest.fixture(scope="module")
def model() -> SpeakerEncoder:
    return inference.load(Settings())


def read(path: Path) -> Array:
    """[n] at 16 kHz."""
    wav, rate = soundfile.read(path, dtype="float32")
    return resample(wav, rate)


def preset(voice: str) -> Array:
    return read(SAMPLES / f"{voice}.wav")


def heard(model: SpeakerEncoder, wav: Array, rate: int = RATE) -> tuple[Array, dict[str, Any]]:
    answer = inference.embed(model, lambda: Recording(wav, rate))
    return answer["embed"], answer["report"]


OFFSETS: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "constant": lambda n: np.full(n, 0.1),
    "negative": lambda n: np.full(n, -0.1),
    "drifting": lambda n: np.linspace(-0.1, 0.1, n),
    "from the middle on": lambda n: np.where(np.arange(n) < n // 2, 0, 0.1),
}


@pytest.mark.parametrize("kind", OFFSETS)
@pytest.mark.parametrize("voice", ["elm", "rowan"])
def test_offset_is_removed_with_a_note(model: SpeakerEncoder, voice: str, kind: str) -> None:
    clean = preset(voice)
    off_centre = (clean + OFFSETS[kind](len(clean))).astype(np.float32)
    embed, report = heard(model, off_centre)
    assert embed @ heard(model, clean)[0] > 0.99
    assert any("DC offset" in note for note in report["notes"])
    assert report["offset"] == pytest.approx(0.1, abs=0.05)


def test_offset_of_a_real_recording_is_removed(model: SpeakerEncoder, speech_samples: Path) -> None:
    for file in sorted(speech_samples.glob("*.mp3")):
        clean = read(file)
        assert heard(model, clean)[1]["notes"] == ()
        assert heard(model, clean + np.float32(0.1))[0] @ heard(model, clean)[0] > 0.99


@pytest.mark.parametrize("voice", PRESETS)
def test_one_speaker_is_not_taken_for_two(model: SpeakerEncoder, voice: str) -> None:
    _, report = heard(model, preset(voice))
    assert report["part_likeness"] >= inference.MIN_PART_LIKENESS
    assert report["warnings"] == ()


def joined(first: Array, second: Array) -> Array:
    return np.concatenate([first[: 5 * RATE], second[: 5 * RATE]])


def in_turns(first: Array, second: Array) -> Array:
    half = 4 * RATE
    return np.concatenate([first[:half], second[:half], first[half : 2 * half], second[half:]])


@pytest.mark.parametrize("mix", [joined, in_turns])
@pytest.mark.parametrize(("first", "second"), [("ash", "elm"), ("rowan", "birch")])
def test_two_speakers_in_one_clip_are_noticed(
    model: SpeakerEncoder, mix: Any, first: str, second: str
) -> None:
    _, report = heard(model, mix(preset(first), preset(second)))
    assert report["part_likeness"] < inference.MIN_PART_LIKENESS
    (warning,) = report["warnings"]
    assert "more than one person" in warning
    assert "send a clip of one person" in warning


def test_speakers_of_real_recordings_are_told_apart(
    model: SpeakerEncoder, real_speech: Path
) -> None:
    speakers = [
        [*map(read, sorted(folder.glob("*/*.flac"))[:2])]
        for folder in sorted((real_speech / "dev").iterdir())
    ]
    alone = [heard(model, np.concatenate(clips))[1]["part_likeness"] for clips in speakers]
    pairs = itertools.islice(itertools.combinations(speakers, 2), 0, None, 5)
    together = [heard(model, joined(a[0], b[0]))[1]["part_likeness"] for a, b in pairs]
    assert min(alone) >= inference.MIN_PART_LIKENESS
    assert sum(likeness < inference.MIN_PART_LIKENESS for likeness in together) >= 8
    assert len(together) == 9


def test_voice_is_known_at_every_rate(model: SpeakerEncoder) -> None:
    wav = preset("ash")
    own, _ = heard(model, preset("ash"))
    soxr = pytest.importorskip("soxr")
    for rate, likeness in {4_000: 0.6, 8_000: 0.85, 88_200: 0.99, 192_000: 0.99}.items():
        file = io.BytesIO()
        soundfile.write(file, soxr.resample(wav, RATE, rate), rate, format="WAV")
        decode = partial(read_recording, file.getvalue(), 60)
        assert inference.embed(model, decode)["embed"] @ own > likeness


def test_best_minute_of_a_long_clip_is_used(model: SpeakerEncoder) -> None:
    """Silence, clipped speech and noise stand around it."""
    voice = np.concatenate([preset("rowan")] * 8)[: 65 * RATE]
    noise = np.random.default_rng(0).normal(0, 0.05, len(voice)).astype(np.float32)
    long = np.concatenate(
        [np.zeros(40 * RATE, np.float32), np.clip(20 * voice, -1, 1), voice, voice + noise]
    )
    answer = inference.embed(model, partial(shortened, Clip(long, RATE), 60))
    assert answer["embed"] @ heard(model, preset("rowan"))[0] > 0.99
    report = answer["report"]
    assert report["seconds"] == 60
    assert report["voiced_seconds"] > 50
    assert report["clipped_share"] < 0.001
    assert report["warnings"] == ()
    (note,) = report["notes"]
    assert "235 s long; the best 60 s of it are used, from 1:4" in note
