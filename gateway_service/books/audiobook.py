"""Writes audiobooks: M4B (AAC) or MP3 (ID3) with chapter marks, or a zip of one MP3 a chapter."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple

import av
import numpy as np

from client.wav_stream import Int16Array

AudiobookFormat = Literal["m4b", "mp3", "zip"]
SAMPLE_RATE = 16_000
BITS_PER_SECOND = 64_000
_MILLISECOND = Fraction(1, 1000)
_COVER_CODECS = {b"\x89PNG": "png", b"\xff\xd8\xff": "mjpeg"}


class ChapterSound(NamedTuple):
    """samples: how many `blocks` gives in all, at 16 kHz; it is called once."""

    title: str
    samples: int
    blocks: Callable[[], Iterator[Int16Array]]


@dataclass(frozen=True)
class Tags:
    title: str = ""
    author: str = ""
    language: str = ""
    cover: bytes | None = None


def write_audiobook(
    path: Path, chapters: Sequence[ChapterSound], tags: Tags, book_format: AudiobookFormat
) -> None:
    """Raises OSError. The file is whole or not there: write it under another name first."""
    if book_format == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for number, chapter in enumerate(chapters, start=1):
                name = f"{number:03} {_file_name(chapter.title)}".strip() + ".mp3"
                with archive.open(name, "w") as member:
                    track = Tags(chapter.title, tags.author, tags.language, tags.cover)
                    member.write(_encoded([chapter], track))
    else:
        with path.open("wb") as file:
            _encode(file, chapters, tags, book_format)


def _encoded(chapters: Sequence[ChapterSound], tags: Tags) -> bytes:
    file = io.BytesIO()
    _encode(file, chapters, tags, "mp3")
    return file.getvalue()


def _encode(
    file: io.IOBase, chapters: Sequence[ChapterSound], tags: Tags, kind: Literal["m4b", "mp3"]
) -> None:
    container = av.open(
        file,
        "w",
        format="mp4" if kind == "m4b" else "mp3",
        options={"brand": "M4B "} if kind == "m4b" else {"id3v2_version": "3"},
    )
    with container:
        container.metadata.update(_metadata(tags))
        stream = container.add_stream("aac" if kind == "m4b" else "libmp3lame", rate=SAMPLE_RATE)
        stream.layout = "mono"
        stream.bit_rate = BITS_PER_SECOND
        cover = _add_cover(container, tags.cover)
        container.set_chapters(_marks(chapters))
        container.start_encoding()
        if cover:
            container.mux(cover)
        at = 0
        for chapter in chapters:
            for block in chapter.blocks():
                frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = (
                    SAMPLE_RATE,
                    at,
                    Fraction(1, SAMPLE_RATE),
                )
                container.mux(stream.encode(frame))
                at += len(block)
        container.mux(stream.encode(None))


def _metadata(tags: Tags) -> dict[str, str]:
    found = {
        "title": tags.title,
        "album": tags.title,
        "artist": tags.author,
        "album_artist": tags.author,
        "language": tags.language,
        "genre": "Audiobook",
    }
    return {name: value for name, value in found.items() if value}


def _marks(chapters: Sequence[ChapterSound]) -> list[Any]:
    ends = np.cumsum([chapter.samples for chapter in chapters]) * 1000 // SAMPLE_RATE
    starts = [0, *ends[:-1]]
    return [
        {
            "id": number,
            "start": int(start),
            "end": int(end),
            "time_base": _MILLISECOND,
            "metadata": {"title": chapter.title or f"Chapter {number + 1}"},
        }
        for number, (chapter, start, end) in enumerate(zip(chapters, starts, ends, strict=True))
    ]


def _add_cover(container: av.container.OutputContainer, image: bytes | None) -> Any:
    """A packet with the picture, of a stream of its own, as both formats have it; None without."""
    codec = next((c for head, c in _COVER_CODECS.items() if image and image.startswith(head)), None)
    if image is None or codec is None:
        return None
    with av.open(io.BytesIO(image)) as opened:
        picture = opened.streams.video[0]
        stream = container.add_mux_stream(codec, width=picture.width, height=picture.height)
    stream.disposition = av.stream.Disposition.attached_pic
    packet = av.Packet(image)
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.time_base = Fraction(1, 90_000)
    packet.is_keyframe = True
    return packet


def _file_name(title: str) -> str:
    return re.sub(r"[^\w ,'&()-]+", "", title).strip()[:80]
