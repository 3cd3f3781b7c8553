"""Chapters that a job takes over from an earlier one."""

from dataclasses import replace

import numpy as np
import pytest

from gateway_service.jobs.books import NewBook, NewChapter, Reused
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.reuse import EarlierSentences, chapters_of_weights, with_sources
from gateway_service.jobs.sound import SKIPPED, SentenceSound
from gateway_service.jobs.store import Jobs, JobSpec
from gateway_service.speech.flac import encode_flac
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow
from shared.text.sentences import Piece
from tests.support.job_fixtures import claim, job_spec, samples_of
from tests.support.stub_services import stub_embed

OLD = "old weights"
SILENCE = encode_flac(np.zeros(3200, np.int16))
SOUNDS = [
    SentenceSound(encode_flac(samples_of(position)), f"[{position}]", OLD) for position in range(3)
]


def book_spec(*chapters: tuple[str, ...]) -> JobSpec:
    """The sentences of each chapter."""
    pieces = [Piece(text, 0.2) for chapter in chapters for text in chapter]
    found, first = [], 0
    for number, texts in enumerate(chapters, start=1):
        found.append(NewChapter(number, "", first, len(texts)))
        first += len(texts)
    return replace(job_spec(), pieces=pieces, book=NewBook("", "", "", None, found))


def sources(spec: JobSpec) -> list[int | None]:
    assert spec.book is not None
    return [chapter.source for chapter in spec.book.chapters]


@pytest.fixture
def earlier(jobs: Jobs, leases: Leases) -> JobRow:
    """A job of two chapters, whose last sentence was skipped."""
    jobs.create(with_sources(book_spec(("One.", "Two."), ("Three.", "Four."))))
    job = claim(leases)
    for position, sound in enumerate([*SOUNDS, SentenceSound(SILENCE, None, SKIPPED)]):
        assert leases.save_sentence(job, position, sound)
    return job


def later_job(jobs: Jobs, earlier: JobRow, spec: JobSpec) -> JobRow:
    chapters = jobs.contents(earlier.id).chapters
    return jobs.create(with_sources(replace(spec, from_job=earlier.id), chapters))


def test_sentences_of_equal_chapters_are_found_at_their_new_place(
    jobs: Jobs, earlier: JobRow, storage: Storage
) -> None:
    spec = book_spec(("Zero.",), ("One.", "Two."), ("Three.", "Five."))

    found = EarlierSentences(storage, later_job(jobs, earlier, spec))

    expected = [None, SOUNDS[0], SOUNDS[1], None, None]
    assert [found.find(position, OLD) for position in range(5)] == expected


def test_skipped_sentence_is_tried_again(jobs: Jobs, earlier: JobRow, storage: Storage) -> None:
    job = later_job(jobs, earlier, book_spec(("Three.", "Four.")))
    found = EarlierSentences(storage, job)
    assert (found.find(0, OLD), found.find(1, OLD)) == (SOUNDS[2], None)
    assert found.are_left


def test_sentences_of_a_deleted_job_are_made(
    jobs: Jobs, leases: Leases, earlier: JobRow, storage: Storage
) -> None:
    job = later_job(jobs, earlier, book_spec(("One.", "Two.")))
    jobs.cancel(earlier.id)
    jobs.delete(earlier.id)
    leases.delete_expired()
    assert EarlierSentences(storage, job).find(0, OLD) is None
    assert [chapter.source for chapter in jobs.contents(job.id).chapters] == [None]


def test_chapter_of_other_weights_is_made_to_its_end(
    jobs: Jobs, earlier: JobRow, storage: Storage
) -> None:
    job = later_job(jobs, earlier, book_spec(("One.", "Two."), ("Three.", "Four.")))
    found = EarlierSentences(storage, job)

    assert found.find(0, OLD) == SOUNDS[0]
    assert found.find(1, "new weights") is None
    assert found.find(2, OLD) == SOUNDS[2]

    assert [chapter.source for chapter in jobs.contents(job.id).chapters] == [None, 2]


def test_chapters_are_chosen_by_the_weights_that_made_them(
    jobs: Jobs, leases: Leases, storage: Storage
) -> None:
    jobs.create(with_sources(book_spec(("One.", "Two."), ("Three.", "Four."))))
    job = claim(leases)
    for position, weights in enumerate([OLD, SKIPPED, OLD, "new weights"]):
        sound = SentenceSound(SILENCE, None, weights)
        assert leases.save_sentence(job, position, sound)
    chapters = jobs.contents(job.id).chapters

    assert chapters_of_weights(storage, chapters, OLD) == [chapters[0]]
    assert chapters_of_weights(storage, chapters, "") == []
    assert chapters_of_weights(storage, [], OLD) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"embed": stub_embed(4)},
        {"seed": 8},
        {"speed": 1.1},
        {"temperature": 0.5},
        {"timestamps": True},
        {"lexicon": {"one": "won"}},
        {"pieces": [Piece("One.", 0.2), Piece("Two.", 1.0)]},
        {"speakers": [0, None], "voices": [("elm", stub_embed(5))]},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_chapter_differs_by_all_that_its_sound_depends_on(
    jobs: Jobs, earlier: JobRow, changed: dict[str, object]
) -> None:
    chapters = jobs.contents(earlier.id).chapters
    spec = book_spec(("One.", "Two."))
    assert sources(with_sources(spec, chapters)) == [0]
    assert sources(with_sources(replace(spec, **changed), chapters)) == [None]  # type: ignore[arg-type]


def test_reused_sentences_of_unfinished_jobs_are_counted(
    jobs: Jobs, leases: Leases, earlier: JobRow
) -> None:
    later = later_job(jobs, earlier, book_spec(("Zero.",), ("One.", "Two."), ("Three.", "Four.")))
    jobs.cancel(earlier.id)
    job = claim(leases)
    for position, sound in enumerate([SentenceSound(SILENCE), SOUNDS[0]]):
        assert leases.save_sentence(job, position, sound)

    assert jobs.reused(jobs.newest(10)) == {later.id: Reused(sentences=4, done=1)}
    assert jobs.reused([]) == {}
