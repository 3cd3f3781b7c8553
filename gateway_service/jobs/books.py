"""Books of jobs: the pieces of their chapters, their rows, and the file with chapter marks."""

import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, cast

import numpy as np
import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from client.async_chain import SAMPLE_RATE
from client.wav_stream import Int16Array
from gateway_service.books.audiobook import AudiobookFormat, ChapterSound, Tags, encode_audiobook
from gateway_service.books.book import Book
from gateway_service.jobs.sound import BLOCK_BYTES, JobSounds
from gateway_service.speech.dialogue import Dialogue
from gateway_service.speech.encoding import MEDIA_TYPES, RATE, MarkedSound, ResponseFormat
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import (
    MAX_LANGUAGE,
    MAX_TITLE,
    BookRow,
    ChapterRow,
    JobRow,
    SentenceRow,
    embed_bytes,
    embed_of,
)
from shared.audio.files import encode_sound, resampled_length
from shared.http.errors import ApiError, Conflict, NotFound
from shared.http.tensors import Float32Array

JobFormat = ResponseFormat | Literal["m4b", "zip"]
JOB_MEDIA_TYPES: dict[JobFormat, str] = {
    **dict[JobFormat, str](MEDIA_TYPES.items()),
    "m4b": "audio/mp4",
    "zip": "application/zip",
}
CHAPTER_PAUSE = 1.0  # seconds of silence after each chapter
_CHARACTERS_PER_SECOND = 15  # of English that is read aloud, for the estimate of the disk space
_FLAC_BYTES_PER_SECOND = 18_000
_FILE_BYTES_PER_SECOND = {"wav": 48_000, "pcm": 48_000, "flac": 30_000}
_COMPRESSED_BYTES_PER_SECOND = 12_000


@dataclass(frozen=True)
class NewChapter:
    """A chapter of a new job.

    number: in the book, from 1. first: position of its first sentence. digest, source: as
    ChapterRow has them.
    """

    number: int
    title: str
    first: int
    sentences: int
    digest: str | None = None
    source: int | None = None


@dataclass(frozen=True)
class NewBook:
    """The tags and the chapters of a new job's book. cover: a PNG or JPEG file, or None."""

    title: str
    author: str
    language: str
    cover: bytes | None
    chapters: list[NewChapter]


class Reused(NamedTuple):
    """Sentences of the chapters that a job takes over, and how many of them are done."""

    sentences: int = 0
    done: int = 0


@dataclass(frozen=True)
class JobContents:
    """The book of a stored job, without its cover; both empty for a text without chapters."""

    book: Tags | None = None
    chapters: Sequence[ChapterRow] = field(default_factory=tuple)


def read_chapters(
    book: Book, numbers: Sequence[int], voices: Mapping[str, str], max_pieces: int
) -> tuple[Dialogue, list[NewChapter]]:
    """The pieces of all chapters in their order, and the chapters' places among them.

    numbers: of the chapters in the whole book. Raises as `Dialogue.add`, naming the chapter.
    """
    dialogue, chapters = Dialogue(voices), []
    for number, chapter in zip(numbers, book.chapters, strict=True):
        first = len(dialogue.pieces)
        try:
            dialogue.add(chapter.text, "file", max_pieces, book.text_format)
        except ApiError as error:
            if error.code == "unreadable_script":
                error.message += f"; leave chapter {number} out with chapters"
            raise
        last = dialogue.pieces[-1]
        dialogue.pieces[-1] = replace(last, pause=max(last.pause, CHAPTER_PAUSE))
        sentences = len(dialogue.pieces) - first
        chapters.append(NewChapter(number, chapter.title[:MAX_TITLE], first, sentences))
    return dialogue, chapters


def disk_bytes(characters: int, speed: float, response_format: JobFormat) -> int:
    """The estimated disk space of a job: the sentences, the encoded file and a copy of it."""
    seconds = characters / _CHARACTERS_PER_SECOND / speed
    file = _FILE_BYTES_PER_SECOND.get(response_format, 2 * _COMPRESSED_BYTES_PER_SECOND)
    return int(seconds * (_FLAC_BYTES_PER_SECOND + file))


def store_book(session: Session, job_id: str, book: NewBook) -> None:
    session.add(
        BookRow(
            job_id=job_id,
            title=book.title[:MAX_TITLE],
            author=book.author[:MAX_TITLE],
            language=book.language[:MAX_LANGUAGE],
            cover=book.cover,
        )
    )
    rows = [
        {"job_id": job_id, "position": position, **vars(chapter)}
        for position, chapter in enumerate(book.chapters)
    ]
    session.execute(insert(ChapterRow), rows)


def read_contents(storage: Storage, job_id: str) -> JobContents:
    """The book and chapters of a job. Raises StorageUnavailable."""
    tags = select(BookRow.title, BookRow.author, BookRow.language).where(BookRow.job_id == job_id)
    chapters = select(ChapterRow).where(ChapterRow.job_id == job_id).order_by(ChapterRow.position)
    with storage.read_session() as session:
        row = session.execute(tags).one_or_none()
        return JobContents(Tags(*row) if row else None, list(session.scalars(chapters)))


def encode_voices(voices: Sequence[tuple[str, Float32Array]]) -> str | None:
    """Voices for `JobRow.voices`: names and embeddings [256]."""
    listed = [[name, b64encode(embed_bytes(embed)).decode()] for name, embed in voices]
    return orjson.dumps(listed).decode() if listed else None


def decode_voices(stored: str | None) -> list[Float32Array]:
    """The embeddings [256] of `JobRow.voices`."""
    return [embed_of(b64decode(embed)) for _, embed in orjson.loads(stored or "[]")]


def finished_chapters(job: JobRow, contents: JobContents) -> list[ChapterRow]:
    return [row for row in contents.chapters if row.first + row.sentences <= job.done]


def finished_chapter(job: JobRow, contents: JobContents, number: int) -> ChapterRow:
    """The chapter of that number. Raises NotFound, and Conflict if it is not finished."""
    chapter = next((row for row in contents.chapters if row.number == number), None)
    if chapter is None:
        raise NotFound(
            f"number: the job has no chapter {number}; its chapters stand in GET /v1/jobs/{job.id}",
            param="number",
            code="chapter_not_found",
        )
    if chapter not in finished_chapters(job, contents):
        raise Conflict(
            f"chapter {number} is not finished; wait until its state is completed",
            code="chapter_not_completed",
        )
    return chapter


def chapter_format(job: JobRow) -> ResponseFormat:
    """The format in which a single chapter is sent."""
    is_book = job.response_format in ("m4b", "zip")
    return "mp3" if is_book else cast(ResponseFormat, job.response_format)


def audiobook_format(job: JobRow, contents: JobContents) -> AudiobookFormat | None:
    """The format of a file with chapter marks; None for a file that is written as a stream."""
    if job.response_format == "m4b":
        return "m4b"
    if job.response_format == "zip":
        return "zip"
    return "mp3" if job.response_format == "mp3" and contents.chapters else None


def audiobook_parts(
    storage: Storage,
    job: JobRow,
    contents: JobContents,
    book_format: AudiobookFormat,
    watermark_key: str | None,
    on_sentence: Callable[[], None],
) -> Generator[bytes]:
    """The bytes of the file, at 24 kHz, which is first written to a temporary file.

    on_sentence: called before each sentence is encoded; its errors end the encoding.
    """
    with storage.read_session() as session:
        row = session.get(BookRow, job.id)
    tags = Tags(row.title, row.author, row.language, row.cover) if row else Tags(job.preview)
    writer = _Chapters(storage, job, watermark_key, on_sentence, is_apart=book_format == "zip")
    # It has no name, so nothing is left of it if the process is killed.
    with tempfile.TemporaryFile(dir=storage.folder) as file:
        encode_audiobook(file, writer.all(contents.chapters), tags, book_format, RATE)
        file.seek(0)
        while block := file.read(BLOCK_BYTES):
            yield block


class _Chapters:
    """The sound of chapters, marked and at 24 kHz.

    is_apart: each chapter is a file of its own, with the whole mark.
    """

    def __init__(
        self,
        storage: Storage,
        job: JobRow,
        watermark_key: str | None,
        on_sentence: Callable[[], None],
        *,
        is_apart: bool,
    ) -> None:
        self._storage, self._job, self._key = storage, job, watermark_key
        self._on_sentence, self._is_apart = on_sentence, is_apart
        self._sound = MarkedSound(RATE, watermark_key)

    def all(self, chapters: Sequence[ChapterRow]) -> list[ChapterSound]:
        places = [(row.title, range(row.first, row.first + row.sentences)) for row in chapters]
        places = places or [("", range(self._job.sentences))]
        return [
            ChapterSound(title, self._samples(positions), self._blocks(positions, n == len(places)))
            for n, (title, positions) in enumerate(places, start=1)
        ]

    def _samples(self, positions: range) -> int:
        count = select(func.sum(SentenceRow.samples)).where(
            SentenceRow.job_id == self._job.id,
            SentenceRow.position.between(positions.start, positions.stop - 1),
        )
        with self._storage.read_session() as session:
            return resampled_length(int(session.scalar(count) or 0), SAMPLE_RATE, RATE)

    def _blocks(self, positions: range, is_last: bool) -> Callable[[], Iterator[Int16Array]]:
        def blocks() -> Iterator[Int16Array]:
            sound = MarkedSound(RATE, self._key) if self._is_apart else self._sound
            for samples in JobSounds(self._storage).sentences(self._job, positions):
                self._on_sentence()
                if len(block := _int16(sound.process(samples))):
                    yield block
            if (self._is_apart or is_last) and len(block := _int16(sound.flush())):
                yield block

        return blocks


def _int16(wav: Float32Array) -> Int16Array:
    return np.frombuffer(encode_sound(wav, RATE, "pcm"), "<i2").astype(np.int16)
