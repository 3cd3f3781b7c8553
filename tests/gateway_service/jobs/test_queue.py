import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from huey import Huey, MemoryHuey

from client.chain import Chain
from gateway_service.jobs import queue as job_queue
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.queue import JobQueue, QueueUnreachable
from gateway_service.jobs.redis_queue import open_huey
from gateway_service.jobs.runner import JobRunner
from gateway_service.jobs.store import Jobs
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.engine import StorageMisconfigured
from gateway_service.storage.tables import JobRow
from tests.support.job_fixtures import job_spec, wait_until
from tests.support.job_processes import RedisServer
from tests.support.stub_services import StubServices

SWEEP_SECONDS = 0.02


@pytest.fixture
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture
def runner(leases: Leases, services: StubServices) -> JobRunner:
    urls = [services.encoder.url, services.synthesizer.url, services.vocoder.url]
    return JobRunner(leases, Chain(*urls), max_attempts=3)


@pytest.fixture
def huey() -> Any:
    return MemoryHuey("better", results=False)


@pytest.fixture(params=["none", "memory"])
def any_huey(request: pytest.FixtureRequest, huey: Any) -> Huey | None:
    """The queue of a gateway without Redis, and a stand-in for one with Redis."""
    return None if request.param == "none" else huey


def test_new_job_is_run_at_once(
    jobs: Jobs, leases: Leases, runner: JobRunner, any_huey: Any
) -> None:
    queue = JobQueue(any_huey, leases, runner, sweep_seconds=600)
    queue.start()

    job = jobs.create(job_spec())
    queue.wake()

    wait_until(lambda: jobs.find(job.id).status == "completed")
    queue.stop()


def test_unannounced_job_is_found(
    jobs: Jobs, leases: Leases, runner: JobRunner, any_huey: Any
) -> None:
    queue = JobQueue(any_huey, leases, runner, sweep_seconds=SWEEP_SECONDS)
    queue.start()

    job = jobs.create(job_spec())

    wait_until(lambda: jobs.find(job.id).status == "completed")
    queue.stop()


def test_lost_messages_are_replaced(jobs: Jobs, leases: Leases, huey: Any) -> None:
    jobs.create(job_spec())
    jobs.create(job_spec())
    queue = JobQueue(huey, leases, None, sweep_seconds=SWEEP_SECONDS)
    queue.start()
    wait_until(lambda: huey.pending_count() == 2)

    huey.storage.flush_queue()

    wait_until(lambda: huey.pending_count() == 2)
    queue.stop()


def test_queue_does_not_grow_while_jobs_wait(jobs: Jobs, storage: Storage, huey: Any) -> None:
    jobs.create(job_spec())
    leases = _CountingLeases(storage, seconds=60, retention_days=1)
    queue = JobQueue(huey, leases, None, sweep_seconds=SWEEP_SECONDS)
    queue.start()

    wait_until(lambda: len(leases.rounds) > 10)

    assert huey.pending_count() == 1
    queue.stop()


def test_expired_job_is_deleted(
    jobs: Jobs, leases: Leases, any_huey: Any, storage: Storage
) -> None:
    job = jobs.create(job_spec())
    jobs.cancel(job.id)
    jobs.delete(job.id)
    queue = JobQueue(any_huey, leases, None, sweep_seconds=SWEEP_SECONDS)
    queue.start()

    def is_deleted() -> bool:
        with storage.read_session() as session:
            return session.get(JobRow, job.id) is None

    wait_until(is_deleted)
    queue.stop()


def test_queue_recovers_from_an_outage_of_the_database(
    jobs: Jobs, storage: Storage, huey: Any
) -> None:
    jobs.create(job_spec())
    leases = _CountingLeases(storage, seconds=60, retention_days=1, outages=3)
    queue = JobQueue(huey, leases, None, sweep_seconds=SWEEP_SECONDS)
    queue.start()

    wait_until(lambda: huey.pending_count() == 1)
    queue.stop()


def test_message_is_json_without_a_job_id(
    jobs: Jobs, leases: Leases, redis_server: RedisServer
) -> None:
    huey = open_huey(redis_server.url)
    job = jobs.create(job_spec())
    queue = JobQueue(huey, leases, None, sweep_seconds=SWEEP_SECONDS)
    queue.start()
    wait_until(lambda: huey.pending_count() == 1)
    queue.stop()

    (message,) = huey.storage.enqueued_items()

    assert isinstance(json.loads(bytes(message)), list)
    assert job.id not in bytes(message).decode()


def test_hanging_service_does_not_delay_the_stop(
    jobs: Jobs,
    leases: Leases,
    runner: JobRunner,
    any_huey: Any,
    services: StubServices,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_queue, "STOP_SECONDS", 0.2)
    released, called = threading.Event(), threading.Event()

    def hang(path: str) -> None:
        called.set()
        released.wait(60)

    services.synthesizer.before = hang
    queue = JobQueue(any_huey, leases, runner, sweep_seconds=SWEEP_SECONDS)
    job = jobs.create(job_spec())
    queue.start()
    assert called.wait(60)

    queue.stop()

    assert jobs.find(job.id).status == "queued"
    released.set()


def test_two_queues_on_one_database_run_each_job_once(
    jobs: Jobs, leases: Leases, services: StubServices
) -> None:
    urls = [services.encoder.url, services.synthesizer.url, services.vocoder.url]
    queues = [
        JobQueue(
            None,
            leases,
            JobRunner(leases, Chain(*urls), max_attempts=3),
            threads=2,
            sweep_seconds=SWEEP_SECONDS,
        )
        for _ in range(2)
    ]
    for queue in queues:
        queue.start()

    created = [jobs.create(job_spec()).id for _ in range(6)]

    wait_until(lambda: all(jobs.find(job_id).status == "completed" for job_id in created))
    for queue in queues:
        queue.stop()
    assert len(services.vocoder.requests) == 18


@pytest.mark.parametrize("address", ["redis://:wrong@{host}/0", "redis://{host}/0"])
def test_wrong_redis_password_is_a_configuration_error(
    leases: Leases, redis_server: RedisServer, address: str
) -> None:
    redis_server.require_password("secret")
    host = f"127.0.0.1:{redis_server.port}"

    with pytest.raises(StorageMisconfigured, match="REDIS_URL") as caught:
        JobQueue(open_huey(address.format(host=host)), leases, None)

    assert "wrong" not in str(caught.value)


def test_unknown_redis_database_is_a_configuration_error(
    leases: Leases, redis_server: RedisServer
) -> None:
    with pytest.raises(StorageMisconfigured, match="REDIS_URL"):
        JobQueue(open_huey(f"{redis_server.url}99"), leases, None)


def test_unreachable_queue_is_reported_until_it_is_back(
    leases: Leases, redis_server: RedisServer
) -> None:
    redis_server.kill()
    queue = JobQueue(open_huey(redis_server.url), leases, None, sweep_seconds=SWEEP_SECONDS)
    assert not is_reachable(queue)
    queue.start()

    redis_server.start()
    wait_until(lambda: is_reachable(queue))

    redis_server.kill()
    wait_until(lambda: not is_reachable(queue))
    queue.stop()


def is_reachable(queue: JobQueue) -> bool:
    try:
        queue.check_reachable()
    except QueueUnreachable:
        return False
    return True


@dataclass(frozen=True)
class _CountingLeases(Leases):
    """Counts the rounds. In the first `outages` of them the database does not respond."""

    outages: int = 0
    rounds: list[int] = field(default_factory=list)

    def count_due(self) -> int:
        self.rounds.append(1)
        if len(self.rounds) <= self.outages:
            raise StorageUnavailable
        return super().count_due()
