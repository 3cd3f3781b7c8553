"""Chapters that a job takes over from an earlier one (`from_job`).

A book with one changed chapter is sent again, with the ID of the job that read it before. Chapters
whose digest is the same are copied, sentence by sentence, by the worker that runs the new job. The
rest of a chapter is made again from the first sentence that is gone meanwhile, deleted with the
earlier job, or was made with other weights than the services have now.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from sqlalchemy import func, select, update

from gateway_service.jobs.books import NewChapter
from gateway_service.jobs.sound import SKIPPED, SentenceSound
from gateway_service.jobs.store import JobSpec
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


def chapters_of_weights(
    storage: Storage, chapters: Sequence[ChapterRow], weights: str
) -> list[ChapterRow]:
    """The chapters of one job that these weights made. Raises StorageUnavailable."""
    if not chapters:
        return []
    others = select(SentenceRow.position).where(
        SentenceRow.job_id == chapters[0].job_id,
        func.coalesce(SentenceRow.weights, "").not_in((weights, SKIPPED)),
    )
    with storage.read_session() as session:
        made_otherwise = set(session.scalars(others))
    return [row for row in chapters if made_otherwise.isdisjoint(_positions(row))]


def note_on_weights(spec: JobSpec, others: Sequence[ChapterRow]) -> list[str]:
    """A note on the chapters of a job that it cannot take over.

    others: chapters of the job `from_job` that other weights made.
    """
    digests = {row.digest for row in others}
    numbers = [at.number for at in spec.book.chapters if at.digest in digests] if spec.book else []
    if not numbers:
        return []
    listed = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
    return [
        f"the weights of the synthesizer or the vocoder have changed since {spec.from_job}, so its "
        f"chapters would differ in voice; these are made anew: {listed}"
    ]


def _positions(chapter: ChapterRow) -> range:
    return range(chapter.first, chapter.first + chapter.sentences)


class EarlierSentences:
    """Sentences that a job takes over. Every method raises StorageUnavailable."""

    def __init__(self, storage: Storage, job: JobRow) -> None:
        self._storage, self._job = storage, job
        self._chapters: list[ChapterRow] = []
        if job.from_job:
            chapters = select(ChapterRow).where(
                ChapterRow.job_id == job.id, ChapterRow.source.is_not(None)
            )
            with storage.read_session() as session:
                self._chapters = list(session.scalars(chapters))

    @property
    def are_left(self) -> bool:
        return bool(self._chapters)

    def find(self, position: int, weights: str) -> SentenceSound | None:
        """The earlier sound of the job's sentence at a position.

        None if it must be made: its chapter has changed, or the earlier sentence is gone, was
        skipped or was made with other weights. weights: those of the services.
        """
        chapter = next((row for row in self._chapters if position in _positions(row)), None)
        if chapter is None:
            return None
        place = (chapter.source or 0) + position - chapter.first
        with self._storage.read_session() as session:
            row = session.get(SentenceRow, (self._job.from_job, place))
        made_by = (row and row.weights) or ""
        if row is None or row.sound is None or made_by not in (weights, SKIPPED):
            self._give_up(chapter)
            return None
        return None if made_by == SKIPPED else SentenceSound(row.sound, row.words, made_by)

    def _give_up(self, chapter: ChapterRow) -> None:
        """Make the rest of a chapter, which is then no reused one."""
        self._chapters.remove(chapter)
        of_chapter = ChapterRow.job_id == self._job.id, ChapterRow.position == chapter.position
        with self._storage.session() as session:
            session.execute(update(ChapterRow).where(*of_chapter).values(source=None))
