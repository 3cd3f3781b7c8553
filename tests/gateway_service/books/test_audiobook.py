import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from client.wav_stream import Int16Array
from gateway_service.books.audiobook import (
    SAMPLE_RATE,
    AudiobookFormat,
    ChapterSound,
    Tags,
    language_code,
    write_audiobook,
)
from tests.support.epubs import png

TAGS = Tags("The Quiet Harbour", "Ada Birch", "en-GB", png())


def chapter(title: str, seconds: float) -> ChapterSound:
    samples = round(seconds * SAMPLE_RATE)

    def blocks() -> Iterator[Int16Array]:
        wave = (8000 * np.sin(np.arange(samples) * 0.1)).astype(np.int16)
        yield from np.array_split(wave, 3)

    return ChapterSound(title, samples, blocks)


@pytest.mark.parametrize("kind", ["m4b", "mp3"])
def test_other_programs_find_chapters_tags_and_cover(tmp_path: Path, kind: AudiobookFormat) -> None:
    path = tmp_path / f"book.{kind}"
    write_audiobook(path, [chapter("One", 2), chapter("", 3.5)], TAGS, kind)
    with av.open(path) as book:
        marks = [
            (mark["metadata"]["title"], mark["start"] / 1000, mark["end"] / 1000)
            for mark in book.chapters()
        ]
        assert marks == [("One", 0, 2), ("Chapter 2", 2, 5.5)]
        language = book.streams.audio[0].language if kind == "m4b" else book.metadata["language"]
        assert language == "eng"
        assert book.metadata["title"] == "The Quiet Harbour"
        assert book.metadata["artist"] == "Ada Birch"
        assert book.duration == pytest.approx(5.5e6, abs=0.2e6)
        assert book.streams.audio[0].codec_context.name == {"m4b": "aac", "mp3": "mp3float"}[kind]
        [cover] = book.streams.video
        assert cover.disposition == av.stream.Disposition.attached_pic
        assert (cover.width, cover.height) == (16, 16)
        if kind == "mp3":
            assert cover.metadata["comment"] == "Cover (front)"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "eng"), ("en-GB", "eng"), ("DE_at", "deu"), ("ita", "ita"), ("", ""), ("xx", "")],
)
def test_language_has_three_letters(tag: str, code: str) -> None:
    assert language_code(tag) == code


def test_m4b_bears_the_brand_of_audiobooks(tmp_path: Path) -> None:
    write_audiobook(tmp_path / "book.m4b", [chapter("One", 1)], Tags(), "m4b")
    assert (tmp_path / "book.m4b").read_bytes()[4:12] == b"ftypM4B "


def test_zip_has_a_file_for_each_chapter(tmp_path: Path) -> None:
    chapters = [chapter("One: a/b", 1), chapter("", 2)]
    write_audiobook(tmp_path / "book.zip", chapters, TAGS, "zip")
    with zipfile.ZipFile(tmp_path / "book.zip") as archive:
        assert archive.namelist() == ["001 One ab.mp3", "002.mp3"]
        with av.open(archive.open("002.mp3"), "r") as track:
            assert track.duration == pytest.approx(2e6, abs=0.2e6)


def test_same_sound_makes_the_same_file(tmp_path: Path) -> None:
    for name in ("a.m4b", "b.m4b"):
        write_audiobook(tmp_path / name, [chapter("One", 1)], TAGS, "m4b")
    assert (tmp_path / "a.m4b").read_bytes() == (tmp_path / "b.m4b").read_bytes()
