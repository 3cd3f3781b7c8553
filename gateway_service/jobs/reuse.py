"""Chapters that a job takes over from an earlier one (`from_job`).

A book with one changed chapter is sent again, with the ID of the job that read it before. Chapters
whose digest is the same are copied, sentence by sentence, by the worker that runs the new job. A
sentence that is gone meanwhile, deleted with the earlier job, is made again.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np
from sqlalchemy import select

from gateway_service.jobs.books import NewChapter
from gateway_service.jobs.store import JobSpec
from gateway_service.speech.flac import decode_flac
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import ChapterRow, JobRow, SentenceRow, embed_bytes


def with_sources(spec: JobSpec, earlier: Sequence[ChapterRow] = ()) -> JobSpec:
    """The job of a book, each chapter with its digest, and its source if the same one is there.

    earlier: the chapters of the job `from_job`.
    """
    if spec.book is None:
        return spec
    firsts = {row.digest: row.first for row in earlier if row.digest}
    chapters = []
    for chapter in spec.book.chapters:
        digest = _digest(spec, chapter)
        chapters.append(replace(chapter, digest=digest, source=firsts.get(digest)))
    return replace(spec, book=replace(spec.book, chapters=chapters))


def _digest(spec: JobSpec, chapter: NewChapter) -> str:
    """SHA-256 of everything in the request that the chapter's sound depends on."""
    lexicon = sorted((spec.lexicon or {}).items())
    options = (spec.speed, spec.seed, spec.temperature, spec.timestamps, lexicon)
    digest = sha256(repr(options).encode())
    for at in range(chapter.first, chapter.first + chapter.sentences):
        piece, speaker = spec.pieces[at], spec.speakers[at] if spec.speakers else None
        digest.update(repr((piece.text, piece.pause)).encode())
        digest.update(embed_bytes(spec.embed if speaker is None else spec.voices[speaker][1]))
    return digest.hexdigest()


class EarlierSentences:
    """Sentences that a job takes over. Every method raises StorageUnavailable."""

    def __init__(self, storage: Storage, job: JobRow) -> None:
        self._storage, self._from_job = storage, job.from_job
        self._sources: list[tuple[range, int]] = []
        if job.from_job:
            chapters = select(ChapterRow).where(
                ChapterRow.job_id == job.id, ChapterRow.source.is_not(None)
            )
            with storage.read_session() as session:
                self._sources = [
                    (range(row.first, row.first + row.sentences), row.source or 0)
                    for row in session.scalars(chapters)
                ]

    def find(self, position: int) -> tuple[bytes, str | None] | None:
        """FLAC and word times, as SentenceRow has them, for the job's sentence at a position.

        None if it must be made: its chapter has changed, or the earlier sentence is gone or was
        skipped.
        """
        found = next((source for source in self._sources if position in source[0]), None)
        if found is None:
            return None
        positions, source = found
        with self._storage.read_session() as session:
            row = session.get(SentenceRow, (self._from_job, source + position - positions.start))
        if row is None or row.sound is None or not np.any(decode_flac(row.sound)):
            return None
        return row.sound, row.words
