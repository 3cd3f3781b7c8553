"""Caption files as other programs read them: srt and webvtt-py."""

import re
from datetime import timedelta
from html import unescape
from typing import NamedTuple

import srt
import webvtt

from shared.captions import CaptionFormat

_MILLISECOND = timedelta(milliseconds=1)
_STAMP = re.compile(r"<(\d\d:\d\d:\d\d\.\d{3})>")


class Cue(NamedTuple):
    """Times in milliseconds. stamps: those within the text of WebVTT."""

    start: int
    end: int
    text: str
    stamps: list[int]


def read_captions(content: str, kind: CaptionFormat) -> list[Cue]:
    """The captions of an SRT or WebVTT file. Raises the parser's error for a malformed one."""
    if kind == "srt":
        return [
            Cue(cue.start // _MILLISECOND, cue.end // _MILLISECOND, cue.content, [])
            for cue in srt.parse(content)
        ]
    return [
        Cue(
            cue.start_time.in_milliseconds(),
            cue.end_time.in_milliseconds(),
            unescape(cue.text),
            [_milliseconds(stamp) for stamp in _STAMP.findall(cue.raw_text)],
        )
        for cue in webvtt.from_string(content).captions
    ]


def _milliseconds(stamp: str) -> int:
    return webvtt.models.Timestamp.from_string(stamp).in_milliseconds()
