"""Writes audiobooks: M4B (AAC) or MP3 (ID3) with chapter marks, or a zip of one MP3 a chapter."""

import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import av
import numpy as np

from client.wav_stream import Int16Array

AudiobookFormat = Literal["m4b", "mp3", "zip"]
SAMPLE_RATE = 16_000
BITS_PER_SECOND = 64_000
_MILLISECOND = Fraction(1, 1000)
_COVER_CODECS = {b"\x89PNG": "png", b"\xff\xd8\xff": "mjpeg"}


class ChapterSound(NamedTuple):
    """A chapter's title and sound.

    samples: the number that `blocks` yields in total, at the rate of the book; `blocks` is called
    once.
    """

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
    """Write the file of 16 kHz sound. Raises OSError, and may leave a part of the file."""
    with path.open("wb") as file:
        encode_audiobook(file, chapters, tags, book_format)


def encode_audiobook(
    file: IO[bytes],
    chapters: Sequence[ChapterSound],
    tags: Tags,
    book_format: AudiobookFormat,
    rate: int = SAMPLE_RATE,
) -> None:
    """Write to an open file that can seek. The same sound gives the same bytes. Raises OSError.

    rate: of the chapters' sound, in Hz.
    """
    if book_format != "zip":
        _encode(file, chapters, tags, book_format, rate)
        return
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, chapter in enumerate(chapters, start=1):
            name = f"{number:03} {_file_name(chapter.title)}".strip() + ".mp3"
            track = Tags(chapter.title, tags.author, tags.language, tags.cover)
            # A file on the disk, as the writer seeks and a chapter may be hours long.
            with tempfile.TemporaryFile() as encoded:
                _encode(encoded, [chapter], track, "mp3", rate)
                encoded.seek(0)
                member = zipfile.ZipInfo(name)  # without the time, so that equal books are equal
                with archive.open(member, "w", force_zip64=True) as copy:
                    shutil.copyfileobj(encoded, copy)


def _encode(
    file: IO[bytes],
    chapters: Sequence[ChapterSound],
    tags: Tags,
    kind: Literal["m4b", "mp3"],
    rate: int,
) -> None:
    container = av.open(
        file,
        "w",
        format="mp4" if kind == "m4b" else "mp3",
        options={"brand": "M4B "} if kind == "m4b" else {"id3v2_version": "3"},
    )
    with container:
        container.metadata.update(_metadata(tags))
        stream = container.add_stream("aac" if kind == "m4b" else "libmp3lame", rate=rate)
        stream.layout = "mono"
        stream.bit_rate = BITS_PER_SECOND
        cover = _add_cover(container, tags.cover)
        container.set_chapters(_marks(chapters, rate))
        container.start_encoding()
        if cover:
            container.mux(cover)
        at = 0
        for chapter in chapters:
            for block in chapter.blocks():
                frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
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


def _marks(chapters: Sequence[ChapterSound], rate: int) -> list[Any]:
    ends = np.cumsum([chapter.samples for chapter in chapters]) * 1000 // rate
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
