"""Job specs, stored jobs and claims for tests, on each kind of database."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from client.wav_stream import Int16Array
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.sound import Digest, SentenceSound, split_into_blocks
from gateway_service.jobs.store import Jobs, JobSpec
from gateway_service.speech.flac import encode_flac
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow
from shared.text.sentences import split_sentences
from tests.support.stub_services import stub_embed

TEXT = "One is here. Two is there. Three is gone."


def job_spec(text: str = TEXT, caller: str = "") -> JobSpec:
    pieces = split_sentences(text)
    return JobSpec(pieces, "rowan", stub_embed(3), "wav", speed=1.0, seed=7, caller=caller)


@pytest.fixture
def jobs(storage: Storage) -> Jobs:
    return Jobs(storage, max_waiting=10, retention_days=1)


@pytest.fixture
def leases(storage: Storage) -> Leases:
    return Leases(storage, seconds=60, retention_days=1)


def claim(leases: Leases) -> JobRow:
    job = leases.claim()
    assert job is not None
    return job


def samples_of(position: int) -> Int16Array:
    """A sound that identifies its sentence."""
    return np.full(160, position + 1, np.int16)


def finish(leases: Leases) -> JobRow:
    """Claim the oldest job and complete it."""
    job = claim(leases)
    for position in range(job.done, job.sentences):
        sound = SentenceSound(encode_flac(samples_of(position)))
        assert leases.save_sentence(job, position, sound)
    leases.complete(job, encoded(leases, job))
    return job


def encoded(leases: Leases, job: JobRow, file: bytes = b"encoded") -> Digest:
    """Store a file as the encoded sound of a job. Returns its digest."""
    digest = Digest()
    for position, block in enumerate(split_into_blocks([file])):
        assert leases.save_block(job, position, block)
        digest.add(block)
    return digest


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for the condition; fail the test after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.02)
