import numpy as np
import pytest

from shared.http.tensors import Float32Array
from training.data.phrases import phrases
from training.evaluation.recognition import TimedWord

SECOND = 16_000


def speech(*spans: tuple[float, float], seconds: float) -> Float32Array:
    """Noise in the spans, near silence between them."""
    rng = np.random.default_rng(0)
    wav = 1e-4 * rng.standard_normal(round(seconds * SECOND))
    for start, end in spans:
        inside = slice(round(start * SECOND), round(end * SECOND))
        wav[inside] += 0.2 * rng.standard_normal(inside.stop - inside.start)
    return wav.astype(np.float32)


def timed(text: str, start: float, end: float) -> list[TimedWord]:
    """The words of a text, spread evenly from start to end."""
    words = text.split()
    times = np.linspace(start, end, len(words) + 1)
    return [
        TimedWord(word, float(begins), float(ends))
        for word, begins, ends in zip(words, times, times[1:], strict=False)
    ]


LONG = speech((0.2, 5.0), (5.6, 10.0), seconds=10.2)
TRANSCRIPT = "THE RAIN HAD STOPPED WE WENT OUT AGAIN AFTER SUPPER"
RECOGNISED = [
    *timed("The rain had stopped.", 0.2, 4.9),
    *timed("We went out again after supper.", 5.5, 9.9),
]


def test_long_recording_is_cut_at_its_pause_and_punctuated() -> None:
    first, second = phrases(LONG, TRANSCRIPT, RECOGNISED)
    assert (first.text, second.text) == (
        "the rain had stopped.", "we went out again after supper.",
    )  # fmt: skip
    assert 5.0 * SECOND <= first.end <= second.start <= 5.6 * SECOND
    assert (first.start, second.end) == (0, len(LONG))


def test_options_work_alone() -> None:
    [whole] = phrases(LONG, TRANSCRIPT, RECOGNISED, split=False)
    assert whole.text == "the rain had stopped. we went out again after supper."
    plain = phrases(LONG, TRANSCRIPT, RECOGNISED, punctuate=False)
    assert [phrase.text for phrase in plain] == [
        "the rain had stopped", "we went out again after supper",
    ]  # fmt: skip


def test_short_recording_stays_whole() -> None:
    wav = speech((0.2, 2.0), (2.6, 4.0), seconds=4.2)
    recognised = [*timed("The rain stopped.", 0.2, 2.0), *timed("We went out.", 2.6, 4.0)]
    [whole] = phrases(wav, "THE RAIN STOPPED WE WENT OUT", recognised)
    assert whole.text == "the rain stopped. we went out."


def test_words_are_the_transcripts_and_punctuation_the_recognisers() -> None:
    recognised = timed("Mrs. Lind, who lived there, saw anyone.", 0.2, 4.0)
    [phrase] = phrases(
        speech((0, 4), seconds=4), "MISSUS LYNDE WHO LIVED THERE SAW ANY ONE", recognised
    )
    assert phrase.text == "missus lynde, who lived there, saw any one."
    assert (phrase.words, phrase.misheard) == (8, 2)  # "Mrs.", "Lind"
    assert phrase.reliable


def test_punctuation_of_a_transcript_stays_unless_replaced() -> None:
    wav, text = speech((0, 4), seconds=4), 'He said: "Rain" -- and left!'
    recognised = timed("He said rain and left.", 0.2, 4.0)
    [kept] = phrases(wav, text, recognised, punctuate=False)
    assert kept.text == 'he said: "rain" -- and left!'
    [punctuated] = phrases(wav, text, recognised)
    assert punctuated.text == "he said rain and left."


def test_numbers_are_compared_as_they_are_spoken() -> None:
    recognised = timed("Chapter 21. In 1987, it rained", 0.2, 4.0)
    transcript = "CHAPTER TWENTY ONE IN NINETEEN EIGHTY SEVEN IT RAINED"
    [phrase] = phrases(speech((0, 4), seconds=4), transcript, recognised)
    assert phrase.text == "chapter twenty one. in nineteen eighty seven, it rained,"
    assert phrase.misheard == 0


def test_phrase_with_many_misrecognised_words_is_unreliable() -> None:
    recognised = timed("Something else was heard here.", 0.2, 4.0)
    [other] = phrases(speech((0, 4), seconds=4), "THE RAIN HAD STOPPED", recognised)
    assert not other.reliable
    [nothing] = phrases(speech((0, 4), seconds=4), "THE RAIN HAD STOPPED", [])
    assert not nothing.reliable


def test_short_word_timed_inside_the_pause_comes_after_it() -> None:
    wav = speech((0.2, 5.0), (6.2, 10.0), seconds=10.2)
    recognised = [
        *timed("They were great friends", 0.2, 4.7),
        TimedWord("and", 5.3, 6.0),
        *timed("went out every day.", 6.4, 9.9),
    ]
    transcript = "THEY WERE GREAT FRIENDS AND WENT OUT EVERY DAY"
    first, second = phrases(wav, transcript, recognised)
    assert (first.text, second.text) == ("they were great friends,", "and went out every day.")


@pytest.mark.parametrize(
    "wav",
    [
        speech((0, 12), seconds=12),
        0.2 * np.random.default_rng(0).standard_normal(12 * SECOND).astype(np.float32),
        np.zeros(12 * SECOND, np.float32),
    ],
    ids=["no pause", "noise", "silence"],
)
def test_recording_without_a_pause_stays_whole(wav: Float32Array) -> None:
    [whole] = phrases(wav, TRANSCRIPT, RECOGNISED)
    assert (whole.start, whole.end) == (0, len(wav))


def test_no_cut_where_a_word_may_have_been_missed() -> None:
    wav = speech((0.2, 5.0), (5.6, 10.0), seconds=10.2)
    recognised = [*timed("The rain had stopped.", 0.2, 4.9), *timed("again after supper", 8.0, 9.9)]
    [whole] = phrases(wav, TRANSCRIPT, recognised)
    assert whole.words == 10
