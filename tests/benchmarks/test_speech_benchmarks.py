"""Counts and comparisons of the benchmarks of sentences and of other programs."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from benchmarks import speech, synthesis
from benchmarks.baselines import NEEDED, missing, speaking
from benchmarks.speech import Spoken

FAKE = {
    "Fake": ("tests.support.fake_speaker", []),
    "Broken": ("tests.nothing_here", ["nothing_here"]),
}


@pytest.fixture(autouse=True)
def _fake_speakers() -> Iterator[None]:
    with patch.dict(NEEDED, FAKE):
        yield


def test_speaker_answers_from_a_process_of_its_own() -> None:
    with speaking("Fake", threads=2) as speaker:
        assert speaker.speak("Three short\nwords") == 5.0
        assert speaker.speak("One") == 3.0
        assert speaker.peak_mib() > 1


def test_speaker_that_does_not_start_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="Broken"), speaking("Broken", threads=1):
        pass
    assert "nothing_here" in capfd.readouterr().err


def test_speaker_is_skipped_by_name_where_a_package_is_missing() -> None:
    assert missing("Fake") == []
    assert missing("Broken") == ["nothing_here"]
    assert "Broken" in speech.why_not("Broken")
    assert "[compare]" in speech.why_not("Broken")


@pytest.mark.parametrize("name", ["Kokoro int8", "Piper"])
def test_installed_speaker_says_three_words_in_about_a_second(name: str) -> None:
    if lacking := missing(name):
        pytest.skip(f"{name}: {', '.join(lacking)} not installed")
    with speaking(name, threads=1) as speaker:
        assert 0.4 < speaker.speak("The north wind.") < 4


def test_others_are_compared_by_real_time_factor() -> None:
    speakers = {
        speech.OURS: lambda text: Spoken(took=1, speech=4, first_sound=0.2),
        "Slower": lambda text: Spoken(took=2, speech=2),
    }
    rows = {row.name: row for row in speech.rows_of_text("ten words", "Hello.", speakers, runs=2)}
    assert rows["ten words: Better API"].runs == [0.25, 0.25]
    assert rows["ten words: Better API"].limit == 0.07
    assert rows["ten words: Slower"].limit is None
    assert rows["ten words: Slower / Better API"].runs == [4, 4]
    assert rows["ten words: Better API, until the first sound"].runs == [0.2, 0.2]


def test_synthesizer_has_a_row_for_each_loop_and_for_the_whole() -> None:
    bundled = {"bundled size": synthesis.SIZES["bundled size"]}
    with patch.dict(synthesis.SIZES, bundled, clear=True):
        rows = {row.name: row for row in synthesis.measure(runs=1, quick=True).rows}
    rest, decoder, whole = (
        rows[f"bundled size: {name}"].runs[0]
        for name in ("encoder and postnet", "decoder, torch", "all of it, torch")
    )
    assert whole == pytest.approx(rest + decoder)
