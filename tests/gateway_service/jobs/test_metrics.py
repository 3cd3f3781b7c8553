import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway_service.jobs import metrics as job_metrics
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.metrics import JobCollector
from gateway_service.jobs.store import Jobs, now
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow
from tests.support.job_fixtures import claim, job_spec


def scrape(numbers: JobCollector) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(numbers)
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {"".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


def test_jobs_are_counted_by_status(jobs: Jobs, leases: Leases, storage: Storage) -> None:
    for _ in range(3):
        jobs.create(job_spec())
    claim(leases)

    metrics = scrape(JobCollector(lambda: storage))

    assert (metrics["jobsqueued"], metrics["jobsrunning"]) == (2, 1)


def test_wait_of_the_oldest_job_is_exported(jobs: Jobs, leases: Leases, storage: Storage) -> None:
    numbers = JobCollector(lambda: storage)
    job = jobs.create(job_spec())
    with storage.session() as session:
        session.get_one(JobRow, job.id).due_at = now() - 90_000
    assert 90 <= scrape(numbers)["job_oldest_due_seconds"] < 900

    claim(leases)

    assert scrape(numbers)["job_oldest_due_seconds"] == 0


def test_unresponsive_database_does_not_block_a_scrape(
    jobs: Jobs, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.create(job_spec())
    current = [storage]
    numbers = JobCollector(lambda: current[0])
    assert scrape(numbers)["jobsqueued"] == 1
    monkeypatch.setattr(job_metrics, "MAX_SECONDS", 0.05)

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        closing(Storage(f"mysql://u:p@127.0.0.1:{server.getsockname()[1]}/d", tmp_path)) as hanging,
    ):
        current[0] = hanging
        for _ in range(3):
            assert scrape(numbers)["jobsqueued"] == 1
        queries = [thread for thread in threading.enumerate() if thread.name == "job metrics"]
        assert len(queries) == 1  # one query is pending, and no second one started
        server.accept()[0].close()
        queries[0].join(60)
