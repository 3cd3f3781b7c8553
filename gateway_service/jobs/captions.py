"""Captions of a completed job, from the word times that were stored with its sentences."""

from collections.abc import Iterator

import orjson
from sqlalchemy import select

from client.async_chain import SAMPLE_RATE
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow, SentenceRow
from shared.captions import (
    Caption,
    CaptionFormat,
    WordTime,
    captions_of,
    shifted,
    timed_tokens,
    written_in_parts,
)
from shared.http.errors import Conflict

_MAX_ROWS = 200  # sentences whose captions are in memory at a time


def require_captions(job: JobRow) -> None:
    """Raises Conflict for a job that is not completed, or was made without timestamps."""
    if not job.timestamps:
        raise Conflict(
            "the job has no word times; make it again with timestamps: true",
            param="job_id",
            code="no_timestamps",
        )
    if job.status != "completed":
        raise Conflict(
            f"the job is {job.status} and has no captions; wait until it is completed",
            code="job_not_completed",
        )


def captions_file(
    storage: Storage, job: JobRow, caption_format: CaptionFormat, by_word: bool
) -> Iterator[str]:
    """The file, part by part. by_word: with the time of each word, in WebVTT."""
    return written_in_parts(_captions(storage, job), caption_format, by_word)


def _captions(storage: Storage, job: JobRow) -> Iterator[list[Caption]]:
    """Part by part. The last sentence of each part is held back for the next one, as the captions
    before it end where it starts."""
    samples = 0
    held: list[list[WordTime]] = []
    for first in range(0, job.sentences, _MAX_ROWS):
        rows = (
            select(SentenceRow.text, SentenceRow.words, SentenceRow.samples)
            .where(
                SentenceRow.job_id == job.id,
                SentenceRow.position.between(first, first + _MAX_ROWS - 1),
            )
            .order_by(SentenceRow.position)
        )
        sentences = held
        with storage.read_session() as session:
            found = session.execute(rows).all()
        for text, words, length in found:
            times = [WordTime(*word) for word in orjson.loads(words or "[]")]
            if tokens := timed_tokens(text, shifted(times, samples / SAMPLE_RATE)):
                sentences.append(tokens)
            samples += length or 0
        held = sentences[-1:]
        if sentences[:-1]:
            yield captions_of(sentences[:-1], following=held[0][0].start)
    yield captions_of(held)
