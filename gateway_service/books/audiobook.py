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
_LANGUAGES = """
    aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul
    bibis bmbam bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv cycym
    dadan dedeu dvdiv dzdzo eeewe elell eneng eoepo esspa etest eueus fafas ffful fifin fjfij
    fofao frfra fyfry gagle gdgla glglg gngrn guguj gvglv hahau heheb hihin hohmo hrhrv hthat
    huhun hyhye hzher iaina idind ieile igibo iiiii ikipk ioido isisl itita iuiku jajpn jvjav
    kakat kgkon kikik kjkua kkkaz klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor kykir
    lalat lbltz lglug lilim lnlin lolao ltlit lulub lvlav mgmlg mhmah mimri mkmkd mlmal mnmon
    mrmar msmsa mtmlt mymya nanau nbnob ndnde nenep ngndo nlnld nnnno nonor nrnbl nvnav nynya
    ococi ojoji omorm orori ososs papan pipli plpol pspus ptpor quque rmroh rnrun roron rurus
    rwkin sasan scsrd sdsnd sesme sgsag shhbs sisin skslk slslv smsmo snsna sosom sqsqi srsrp
    ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir tktuk tltgl tntsn toton trtur
    tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol wawln wowol xhxho yiyid
    yoyor zazha zhzho zuzul
"""
"""Each two letters of ISO 639-1, then three of ISO 639-2/T, which both formats demand."""
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
    """language: a tag of BCP 47, such as en-GB. cover: a PNG or JPEG file."""

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
        container.metadata.update(_metadata(tags, kind))
        stream = container.add_stream("aac" if kind == "m4b" else "libmp3lame", rate=rate)
        if language := language_code(tags.language):
            stream.metadata["language"] = language
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


def language_code(tag: str) -> str:
    """The three letters of ISO 639-2 for a language tag; "" for an unknown one. en-GB -> eng."""
    codes = {code[:2]: code[2:] for code in _LANGUAGES.split()}
    language = re.split("[-_]", tag.strip().lower())[0]
    return codes.get(language, language if language in codes.values() else "")


def _metadata(tags: Tags, kind: Literal["m4b", "mp3"]) -> dict[str, str]:
    found = {
        "title": tags.title,
        "album": tags.title,
        "artist": tags.author,
        "album_artist": tags.author,
        "language": language_code(tags.language),
        "genre": "Audiobook",
        "media_type": "2" if kind == "m4b" else "",  # Apple's number of audiobooks
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
    stream.metadata["comment"] = "Cover (front)"  # the type of the picture in ID3
    packet = av.Packet(image)
    packet.stream = stream
    packet.pts = packet.dts = 0
    packet.time_base = Fraction(1, 90_000)
    packet.is_keyframe = True
    return packet


def _file_name(title: str) -> str:
    return re.sub(r"[^\w ,'&()-]+", "", title).strip()[:80]
