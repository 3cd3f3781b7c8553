"""Captions of speech whose words have times: SubRip, WebVTT and JSON.

A caption has two lines of at most 42 characters and stands for 1 to 7 seconds, as in subtitlers'
guides (Netflix, "Timed Text Style Guide: General Requirements"). It ends where a phrase ends, if
that fits. Captions never overlap.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

CaptionFormat = Literal["srt", "vtt", "json"]
MEDIA_TYPES: dict[CaptionFormat, str] = {
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "json": "application/json",
}

MAX_LINE_CHARACTERS = 42
MAX_LINES = 2
MIN_SECONDS, MAX_SECONDS = 1.0, 7.0

_SENTENCE_ENDS = ".!?…"
_PHRASE_ENDS = ",;:–—"
_CLOSERS = "\"')]}»”’"
_NO_END_COST, _PHRASE_COST, _SHORT_COST = 1.0, 0.2, 2.0
_CAPTION_COST = 1.0


class WordTime(NamedTuple):
    """A word as it stands in the text, and the seconds in which it is spoken."""

    word: str
    start: float
    end: float


@dataclass(frozen=True)
class Caption:
    """tokens: the text between white space, each with its time."""

    start: float
    end: float
    tokens: tuple[WordTime, ...]

    @property
    def lines(self) -> list[str]:
        return [" ".join(token.word for token in line) for line in _lines(self.tokens)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def timed_tokens(text: str, words: Sequence[WordTime]) -> list[WordTime]:
    """The text between white space with the times of the words in it, punctuation included.

    words: those of `text`, in its order. Text without a word, such as a dash, joins the token
    before it; words that are not in the text stand for themselves.
    """
    tokens: list[WordTime] = []
    at = 0  # of the text that was used
    is_lost = False  # whether the text before the next word belongs to one that was not found
    for word in words:
        start = text.find(word.word, at)
        if start < 0:
            tokens.append(word)
            is_lost = True
            continue
        before, at = " " if is_lost else text[at:start], start + len(word.word)
        is_lost = False
        _append(tokens, before, word)
    _trail(tokens, text[at:])
    return tokens


def _append(tokens: list[WordTime], before: str, word: WordTime) -> None:
    """Adds `word`, which the text has after `before`: marks, white space, or neither."""
    head, space, opening = _parted(before)
    if not tokens:
        tokens.append(word._replace(word="".join(before.split()) + word.word))
    elif space:
        _trail(tokens, head)
        tokens.append(word._replace(word=opening + word.word))
    else:
        last = tokens[-1]
        tokens[-1] = WordTime(last.word + before + word.word, last.start, word.end)


def _parted(before: str) -> tuple[str, bool, str]:
    """The end of the last token, whether there is white space, and the start of the next token."""
    if not any(map(str.isspace, before)):
        return before, False, ""
    opening = "" if before[-1].isspace() else before.split()[-1]
    return before.removesuffix(opening), True, opening


def _trail(tokens: list[WordTime], marks: str) -> None:
    if tokens and marks.strip():
        joint = " " if marks[0].isspace() else ""
        tokens[-1] = tokens[-1]._replace(word=tokens[-1].word + joint + " ".join(marks.split()))


def captions_of(
    sentences: Sequence[Sequence[WordTime]], following: float = float("inf")
) -> list[Caption]:
    """The captions of a text, sentence by sentence, in its order.

    sentences: the tokens of each; starts never decrease. following: the start of the next part of
    the text.
    """
    groups: list[tuple[WordTime, ...]] = []
    for tokens in sentences:
        groups += _cut([*_fitting(tokens)])
    groups = _without_short_ones(groups)
    captions = []
    for number, group in enumerate(groups):
        stop = groups[number + 1][0].start if number + 1 < len(groups) else following
        start = group[0].start
        end = min(max(group[-1].end, start + MIN_SECONDS), start + MAX_SECONDS, stop)
        captions.append(Caption(start, end, group))
    return captions


def _fitting(tokens: Sequence[WordTime]) -> Iterator[WordTime]:
    """Tokens of at most a line and MAX_SECONDS; a longer one, such as an address, is divided.

    Blank ones are left out, and white space within one is a space: an empty line ends a cue.
    """
    for written, start, end in tokens:
        if not (word := " ".join(written.split())):
            continue
        parts = max(-(-len(word) // MAX_LINE_CHARACTERS), int((end - start) // MAX_SECONDS) + 1)
        size = max(1, len(word) // parts)
        pieces = [word[at : at + size] for at in range(0, len(word), size)]
        each = (end - start) / len(pieces)
        for number, piece in enumerate(pieces):
            yield WordTime(piece, start + number * each, start + (number + 1) * each)


def _cut(tokens: Sequence[WordTime]) -> list[tuple[WordTime, ...]]:
    """A sentence in captions that fit, at the least cost: few, and ends of phrases."""
    best: list[tuple[float, int]] = [(0.0, 0)]  # cost of the first n tokens, where the last starts
    for stop in range(1, len(tokens) + 1):
        options = []
        for start in range(stop - 1, -1, -1):
            group = tokens[start:stop]
            if start < stop - 1 and not _fits(group):
                break
            options.append((best[start][0] + _cost(group, stop == len(tokens)), start))
        best.append(min(options))
    groups = []
    stop = len(tokens)
    while stop:
        start = best[stop][1]
        groups.append(tuple(tokens[start:stop]))
        stop = start
    return groups[::-1]


def _fits(tokens: Sequence[WordTime]) -> bool:
    return tokens[-1].end - tokens[0].start <= MAX_SECONDS and len(_lines(tokens)) <= MAX_LINES


def _cost(tokens: Sequence[WordTime], is_last: bool) -> float:
    cost = _CAPTION_COST
    mark = tokens[-1].word.rstrip(_CLOSERS)[-1:]
    if not is_last and mark not in _SENTENCE_ENDS:
        cost += _PHRASE_COST if mark and mark in _PHRASE_ENDS else _NO_END_COST
    if tokens[-1].end - tokens[0].start < MIN_SECONDS:
        cost += _SHORT_COST
    return cost


def _without_short_ones(groups: list[tuple[WordTime, ...]]) -> list[tuple[WordTime, ...]]:
    """Joins a caption that the next one would cut short with that one, if both fit."""
    joined: list[tuple[WordTime, ...]] = []
    for group in groups:
        if joined and group[0].start - joined[-1][0].start < MIN_SECONDS:
            both = joined[-1] + group
            if _fits(both):
                joined[-1] = both
                continue
        joined.append(group)
    return joined


def _lines(tokens: Sequence[WordTime]) -> list[list[WordTime]]:
    """The tokens in lines, as few as there can be; two of them as alike in length as can be."""
    lengths = [len(token.word) for token in tokens]
    if sum(lengths) + len(lengths) - 1 <= MAX_LINE_CHARACTERS:
        return [[*tokens]]
    halves = [
        (abs(left - right), at)
        for at in range(1, len(tokens))
        for left, right in [(sum(lengths[:at]) + at - 1, sum(lengths[at:]) + len(tokens) - at - 1)]
        if max(left, right) <= MAX_LINE_CHARACTERS
    ]
    if halves:
        at = min(halves)[1]
        return [[*tokens[:at]], [*tokens[at:]]]
    lines: list[list[WordTime]] = [[]]
    for token in tokens:
        if lines[-1] and len(" ".join(t.word for t in [*lines[-1], token])) > MAX_LINE_CHARACTERS:
            lines.append([])
        lines[-1].append(token)
    return lines


def subrip(captions: Sequence[Caption], first: int = 1) -> str:
    """Captions as SubRip (.srt). first: number of the first caption."""
    return "".join(
        f"{number}\n{_clock(caption.start, ',')} --> {_clock(caption.end, ',')}\n{caption.text}\n\n"
        for number, caption in enumerate(captions, start=first)
    )


def webvtt(captions: Sequence[Caption], by_word: bool = False) -> str:
    """Captions as WebVTT (.vtt). by_word: with the time of each word, for karaoke."""
    return "WEBVTT\n\n" + _cues(captions, by_word)


def _cues(captions: Sequence[Caption], by_word: bool) -> str:
    return "".join(
        f"{_clock(caption.start, '.')} --> {_clock(caption.end, '.')}\n"
        f"{_cue_text(caption, by_word)}\n\n"
        for caption in captions
    )


def _cue_text(caption: Caption, by_word: bool) -> str:
    if not by_word:
        return _escaped(caption.text)
    lines, last = [], _clock(caption.start, ".")
    end = _clock(caption.end, ".")
    for line in _lines(caption.tokens):
        words = []
        for token in line:
            stamp = _clock(token.start, ".")
            # WebVTT has only times that increase within the cue; equal ones light up together.
            is_later = last < stamp < end
            words.append((f"<{stamp}>" if is_later else "") + _escaped(token.word))
            last = max(last, stamp)
        lines.append(" ".join(words))
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def to_json(captions: Sequence[Caption]) -> str:
    """{"captions": [{"start", "end", "text", "words": [{"word", "start", "end"}]}]}, in seconds."""
    return json.dumps({"captions": [*map(_object, captions)]}, ensure_ascii=False)


def _object(caption: Caption) -> dict[str, Any]:
    return {
        "start": round(caption.start, 3),
        "end": round(caption.end, 3),
        "text": caption.text,
        "words": [
            {"word": word, "start": round(start, 3), "end": round(end, 3)}
            for word, start, end in caption.tokens
        ],
    }


def written(captions: Sequence[Caption], caption_format: CaptionFormat) -> str:
    """Captions as a file of the format."""
    return "".join(written_in_parts([captions], caption_format))


def written_in_parts(
    groups: Iterable[Sequence[Caption]], caption_format: CaptionFormat, by_word: bool = False
) -> Iterator[str]:
    """The same file as of all groups together, group by group: a book has many captions."""
    if caption_format == "json":
        before = '{"captions": ['
        for caption in (caption for group in groups for caption in group):
            yield before + json.dumps(_object(caption), ensure_ascii=False)
            before = ", "
        yield "]}" if before == ", " else before + "]}"
    elif caption_format == "vtt":
        yield webvtt([])
        for group in groups:
            yield _cues(group, by_word)
    else:
        first = 1
        for group in groups:
            yield subrip(group, first)
            first += len(group)


def shifted(words: Sequence[WordTime], seconds: float, speed: float = 1.0) -> list[WordTime]:
    """Words of a piece in the sound of the whole: played at `speed`, and `seconds` later."""
    return [
        WordTime(word, start / speed + seconds, end / speed + seconds) for word, start, end in words
    ]


def _clock(seconds: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds, as 01:02:03,456."""
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{milliseconds:03}"
