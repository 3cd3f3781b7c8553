import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.captions import (
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    MAX_SECONDS,
    MIN_SECONDS,
    CaptionFormat,
    WordTime,
    captions_of,
    shifted,
    subrip,
    timed_tokens,
    to_json,
    webvtt,
    written,
    written_in_parts,
)
from tests.support.caption_files import read_captions


def spoken(text: str, start: float = 0.0, seconds: float = 0.4) -> list[WordTime]:
    """The words of a text, each as long."""
    words = re.findall(r"\w[\w'-]*", text)
    return [
        WordTime(word, start + n * seconds, start + (n + 1) * seconds)
        for n, word in enumerate(words)
    ]


def consecutive(drawn: list[list[tuple[str, float]]]) -> list[list[WordTime]]:
    """Sentences of words and their seconds, one after the other."""
    at, sentences = 0.0, []
    for words in drawn:
        sentence = []
        for word, seconds in words:
            sentence.append(WordTime(word, at, at + seconds))
            at += seconds
        sentences.append(sentence)
    return sentences


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello there.", ["Hello", "there."]),
        ('"No," she said – twice.', ['"No,"', "she", "said –", "twice."]),
        ("one/two (three) -- four!", ["one/two", "(three) --", "four!"]),
        ("  ... well…", ["...well…"]),
    ],
)
def test_tokens_keep_the_punctuation_of_the_text(text: str, tokens: list[str]) -> None:
    assert [token.word for token in timed_tokens(text, spoken(text))] == tokens


def test_token_lasts_from_its_first_word_to_its_last() -> None:
    tokens = timed_tokens("one/two three", spoken("one two three"))
    assert [token.word for token in tokens] == ["one/two", "three"]
    assert [tokens[0].start, tokens[0].end, tokens[1].start] == pytest.approx([0, 0.8, 0.8])


def test_word_that_the_text_does_not_have_stands_for_itself() -> None:
    tokens = timed_tokens("one two", [WordTime("uno", 0, 1), WordTime("two", 1, 2)])
    assert [token.word for token in tokens] == ["uno", "two"]


def test_long_sentence_is_cut_at_its_phrases() -> None:
    text = (
        "When the last ferry had gone, and the lamps were lit along the quay, they walked home, "
        "slowly, because nobody was waiting."
    )
    captions = captions_of([timed_tokens(text, spoken(text))])
    assert [caption.text.replace("\n", " ") for caption in captions] == [
        "When the last ferry had gone, and the lamps were lit along the quay,",
        "they walked home, slowly, because nobody was waiting.",
    ]


def test_caption_too_short_to_read_joins_the_next() -> None:
    sentences = [spoken("No"), spoken("Not today", start=0.5)]
    assert [caption.text for caption in captions_of(sentences)] == ["No Not today"]


def test_short_caption_before_a_pause_stays_for_a_second() -> None:
    first, second = captions_of([spoken("No"), spoken("Not today", start=3)])
    assert (first.start, first.end) == (0, MIN_SECONDS)
    assert second.start == 3


def test_address_longer_than_a_line_is_divided() -> None:
    address = "https://example.org/" + "a" * 150
    captions = captions_of([[WordTime(address, 0, 10)]])
    assert "".join("".join(caption.lines) for caption in captions) == address
    assert all(len(line) <= MAX_LINE_CHARACTERS for c in captions for line in c.lines)


@given(
    st.lists(
        st.lists(st.tuples(st.text("abc,.!", min_size=1, max_size=60), st.floats(0, 9)), min_size=1)
    )
)
def test_captions_keep_their_limits_whatever_is_said(
    drawn: list[list[tuple[str, float]]],
) -> None:
    sentences = consecutive(drawn)
    captions = captions_of(sentences)
    assert all(len(caption.lines) <= MAX_LINES for caption in captions)
    assert all(len(line) <= MAX_LINE_CHARACTERS for c in captions for line in c.lines)
    assert all(c.end - c.start <= MAX_SECONDS + 1e-6 for c in captions)
    assert all(before.end <= after.start + 1e-9 for before, after in pairwise(captions))
    said = "".join(word for sentence in sentences for word, _, _ in sentence)
    assert "".join("".join(c.text.split()) for c in captions) == said


@pytest.mark.parametrize("kind", ["srt", "vtt"])
@given(
    st.lists(
        st.lists(
            st.tuples(st.text("abc,.!&<>-", min_size=1, max_size=50), st.floats(0.02, 9)),
            min_size=1,
        ),
        min_size=1,
    )
)
def test_other_programs_read_the_same_captions(
    kind: CaptionFormat, drawn: list[list[tuple[str, float]]]
) -> None:
    captions = captions_of(consecutive(drawn))
    cues = read_captions("".join(written_in_parts([captions], kind, by_word=True)), kind)
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [
        (round(caption.start * 1000), round(caption.end * 1000), caption.text)
        for caption in captions
    ]
    for cue in cues:
        times = [cue.start, *cue.stamps, cue.end]
        assert times == sorted(set(times))


def test_words_of_one_time_light_up_together() -> None:
    words = [WordTime("a", 0, 0.4), WordTime("b", 0.4, 0.4), WordTime("c", 0.4, 2)]
    [cue] = read_captions(webvtt(captions_of([words]), by_word=True), "vtt")
    assert (cue.text, cue.stamps) == ("a b c", [400])


def test_subrip_numbers_its_captions() -> None:
    captions = captions_of([spoken("Good morning"), spoken("Good night", start=3661.5)])
    assert subrip(captions) == (
        "1\n00:00:00,000 --> 00:00:01,000\nGood morning\n\n"
        "2\n01:01:01,500 --> 01:01:02,500\nGood night\n\n"
    )


def test_webvtt_escapes_its_text() -> None:
    text = webvtt(captions_of([[WordTime("a<b", 0, 2), WordTime("&", 2, 3)]]))
    assert text == "WEBVTT\n\n00:00:00.000 --> 00:00:03.000\na&lt;b &amp;\n\n"


def test_webvtt_by_word_has_a_time_before_each_but_the_first() -> None:
    text = webvtt(captions_of([spoken("Good morning all")]), by_word=True)
    assert "Good <00:00:00.400>morning <00:00:00.800>all" in text


def test_json_has_seconds_and_words() -> None:
    [caption] = json.loads(to_json(captions_of([spoken("Good night")])))["captions"]
    assert (caption["start"], caption["end"], caption["text"]) == (0, 1, "Good night")
    assert caption["words"][1] == {"word": "night", "start": 0.4, "end": 0.8}


def test_speed_and_place_move_the_words() -> None:
    assert shifted([WordTime("a", 1, 2)], seconds=10, speed=2) == [WordTime("a", 10.5, 11)]


@pytest.mark.parametrize("kind", ["srt", "vtt", "json"])
def test_file_in_parts_is_the_whole_file(kind: CaptionFormat) -> None:
    groups = [captions_of([spoken("Good morning")]), captions_of([spoken("Good night", start=5)])]
    whole = written([*groups[0], *groups[1]], kind)
    assert "".join(written_in_parts(groups, kind)) == whole
    assert json.loads(whole) if kind == "json" else "Good night" in whole


def test_blank_words_and_lines_within_words_end_no_cue() -> None:
    words = [WordTime("", 0, 1), WordTime("five\n\nmiles", 1, 2)]
    assert [caption.text for caption in captions_of([words])] == ["five miles"]
    assert captions_of([[WordTime(" ", 0, 1)]]) == []
