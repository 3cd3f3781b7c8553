import numpy as np
import pytest

from shared.http.tensors import Float32Array
from training.data.phrases import phrases
from training.evaluation.recognition import HeardWord

SECOND = 16_000


def speech(*spans: tuple[float, float], seconds: float) -> Float32Array:
    """Noise in the spans, and next to nothing between them."""
    rng = np.random.default_rng(0)
    wav = 1e-4 * rng.standard_normal(round(seconds * SECOND))
    for start, end in spans:
        inside = slice(round(start * SECOND), round(end * SECOND))
        wav[inside] += 0.2 * rng.standard_normal(inside.stop - inside.start)
    return wav.astype(np.float32)


def heard(text: str, start: float, end: float) -> list[HeardWord]:
    """The words of a text, evenly from start to end."""
    words = text.split()
    times = np.linspace(start, end, len(words) + 1)
    return [
        HeardWord(word, float(begins), float(ends))
        for word, begins, ends in zip(words, times, times[1:], strict=False)
    ]


LONG = speech((0.2, 5.0), (5.6, 10.0), seconds=10.2)
TRANSCRIPT = "THE RAIN HAD STOPPED WE WENT OUT AGAIN AFTER SUPPER"
SAID = [
    *heard("The rain had stopped.", 0.2, 4.9),
    *heard("We went out again after supper.", 5.5, 9.9),
]


def test_long_recording_is_cut_at_its_pause_and_written_with_marks() -> None:
    first, second = phrases(LONG, TRANSCRIPT, SAID)
    assert (first.text, second.text) == (
        "the rain had stopped.", "we went out again after supper.",
    )  # fmt: skip
    assert 5.0 * SECOND <= first.end <= second.start <= 5.6 * SECOND
    assert (first.start, second.end) == (0, len(LONG))


def test_each_option_does_its_own_part_alone() -> None:
    [whole] = phrases(LONG, TRANSCRIPT, SAID, split=False)
    assert whole.text == "the rain had stopped. we went out again after supper."
    plain = phrases(LONG, TRANSCRIPT, SAID, punctuate=False)
    assert [phrase.text for phrase in plain] == [
        "the rain had stopped", "we went out again after supper",
    ]  # fmt: skip


def test_short_recording_stays_whole() -> None:
    wav = speech((0.2, 2.0), (2.6, 4.0), seconds=4.2)
    said = [*heard("The rain stopped.", 0.2, 2.0), *heard("We went out.", 2.6, 4.0)]
    [whole] = phrases(wav, "THE RAIN STOPPED WE WENT OUT", said)
    assert whole.text == "the rain stopped. we went out."


def test_words_stay_the_transcripts_and_marks_come_from_the_recogniser() -> None:
    said = heard("Mrs. Lind, who lived there, saw anyone.", 0.2, 4.0)
    [phrase] = phrases(speech((0, 4), seconds=4), "MISSUS LYNDE WHO LIVED THERE SAW ANY ONE", said)
    assert phrase.text == "missus lynde, who lived there, saw any one."
    assert (phrase.words, phrase.misheard) == (8, 2)  # misess, lind
    assert phrase.understood


def test_marks_of_a_transcript_stay_where_none_are_asked_for() -> None:
    wav, text = speech((0, 4), seconds=4), 'He said: "Rain" -- and left!'
    said = heard("He said rain and left.", 0.2, 4.0)
    [kept] = phrases(wav, text, said, punctuate=False)
    assert kept.text == 'he said: "rain" -- and left!'
    [heard_ones] = phrases(wav, text, said)
    assert heard_ones.text == "he said rain and left."


def test_numbers_are_compared_as_they_are_spoken() -> None:
    said = heard("Chapter 21. In 1987, it rained", 0.2, 4.0)
    transcript = "CHAPTER TWENTY ONE IN NINETEEN EIGHTY SEVEN IT RAINED"
    [phrase] = phrases(speech((0, 4), seconds=4), transcript, said)
    assert phrase.text == "chapter twenty one. in nineteen eighty seven, it rained,"
    assert phrase.misheard == 0


def test_phrase_whose_words_were_not_understood_is_not_to_be_kept() -> None:
    said = heard("Something else was heard here.", 0.2, 4.0)
    [other] = phrases(speech((0, 4), seconds=4), "THE RAIN HAD STOPPED", said)
    assert not other.understood
    [nothing] = phrases(speech((0, 4), seconds=4), "THE RAIN HAD STOPPED", [])
    assert not nothing.understood


def test_short_word_that_the_recogniser_has_in_the_pause_comes_after_it() -> None:
    wav = speech((0.2, 5.0), (6.2, 10.0), seconds=10.2)
    said = [
        *heard("They were great friends", 0.2, 4.7),
        HeardWord("and", 5.3, 6.0),
        *heard("went out every day.", 6.4, 9.9),
    ]
    transcript = "THEY WERE GREAT FRIENDS AND WENT OUT EVERY DAY"
    first, second = phrases(wav, transcript, said)
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
    [whole] = phrases(wav, TRANSCRIPT, SAID)
    assert (whole.start, whole.end) == (0, len(wav))


def test_no_cut_where_words_between_were_not_heard() -> None:
    wav = speech((0.2, 5.0), (5.6, 10.0), seconds=10.2)
    said = [*heard("The rain had stopped.", 0.2, 4.9), *heard("again after supper", 8.0, 9.9)]
    [whole] = phrases(wav, TRANSCRIPT, said)
    assert whole.words == 10
