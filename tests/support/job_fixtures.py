"""Jobs on a database of each kind."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from client.wav_stream import Int16Array
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.library import Jobs, JobSpec
from gateway_service.jobs.sound import Digest, in_blocks
from gateway_service.speech.sentence_sound import kept
from gateway_service.storage.database import Storage
from gateway_service.storage.job_tables import JobRow
from shared.text.sentences import split_sentences
from tests.support.stub_services import stub_embed

TEXT = "One is here. Two is there. Three is gone."


def order(text: str = TEXT, caller: str = "") -> JobSpec:
    pieces = split_sentences(text)
    return JobSpec(pieces, "rowan", stub_embed(3), "wav", speed=1.0, seed=7, caller=caller)


@pytest.fixture
def jobs(storage: Storage) -> Jobs:
    return Jobs(storage, max_waiting=10, retention_days=1)


@pytest.fixture
def leases(storage: Storage) -> Leases:
    return Leases(storage, seconds=60, retention_days=1)


def take(leases: Leases) -> JobRow:
    job = leases.take()
    assert job is not None
    return job


def samples_of(position: int) -> Int16Array:
    """A sound that tells which sentence it is of."""
    return np.full(160, position + 1, np.int16)


def finish(leases: Leases) -> JobRow:
    """Takes the oldest job and brings it to its end."""
    job = take(leases)
    for position in range(job.done, job.sentences):
        assert leases.keep_sound(job, position, kept(samples_of(position)))
    leases.complete(job, encoded(leases, job))
    return job


def encoded(leases: Leases, job: JobRow, file: bytes = b"encoded") -> Digest:
    """Keeps a file as the encoded sound of a job."""
    digest = Digest()
    for position, block in enumerate(in_blocks([file])):
        assert leases.keep_block(job, position, block)
        digest.add(block)
    return digest


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition, or fail the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
