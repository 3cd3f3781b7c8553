"""Metrics of jobs, read from the database at each scrape.

A slow database does not delay a scrape by more than MAX_SECONDS: then the last values are exported.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from gateway_service.jobs.store import now
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.tables import UNFINISHED, JobRow

MAX_SECONDS = 1.0


@dataclass(frozen=True)
class _Values:
    by_status: list[tuple[str, int]]
    oldest_due: int | None
    """Unix milliseconds."""


class JobCollector(Collector):
    """Exports the number of jobs by status and the wait of the oldest due job.

    Without a database it exports the last values or none; other metrics are not affected.

    storage: returns None until it is open.
    """

    def __init__(self, storage: Callable[[], Storage | None]) -> None:
        self._storage = storage
        self._values: _Values | None = None
        self._query: threading.Thread | None = None
        self._lock = threading.Lock()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_by_status(), _oldest_due()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        if storage := self._storage():
            self._start_query(storage).join(MAX_SECONDS)
        if (values := self._values) is None:
            return
        by_status = _by_status()
        for status, count in values.by_status:
            by_status.add_metric([status], count)
        yield by_status
        oldest_due = _oldest_due()
        wait = 0 if values.oldest_due is None else max(0, now() - values.oldest_due)
        oldest_due.add_metric([], wait / 1000)
        yield oldest_due

    def _start_query(self, storage: Storage) -> threading.Thread:
        """One query runs at a time, shared by concurrent scrapes."""
        with self._lock:
            if self._query is None or not self._query.is_alive():
                self._query = threading.Thread(
                    target=self._read,
                    args=[storage],
                    name="job metrics",
                    daemon=True,  # the process need not wait for the database to exit
                )
                self._query.start()
            return self._query

    def _read(self, storage: Storage) -> None:
        by_status = select(JobRow.status, func.count()).group_by(JobRow.status)
        due = select(func.min(JobRow.due_at)).where(
            JobRow.due_at <= now(), JobRow.status.in_(UNFINISHED)
        )
        try:
            with storage.read_session() as session:
                counts = [(status, count) for status, count in session.execute(by_status)]
                self._values = _Values(counts, session.scalar(due))
        except StorageUnavailable:
            pass  # the storage has logged it


def _by_status() -> GaugeMetricFamily:
    return GaugeMetricFamily("jobs", "Stored jobs by status", labels=["status"])


def _oldest_due() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "job_oldest_due_seconds", "Time for which the oldest due job has waited for a worker"
    )
