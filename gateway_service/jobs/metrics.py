"""The number of jobs and the wait of the oldest, read from the database at each scrape.

A database that does not answer holds up no scrape: after MAX_SECONDS the last numbers are shown.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from gateway_service.jobs.library import UNFINISHED, now
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.job_tables import JobRow

MAX_SECONDS = 1.0


@dataclass(frozen=True)
class _Numbers:
    by_status: list[tuple[str, int]]
    oldest_due: int | None
    """Unix milliseconds."""


class JobNumbers(Collector):
    """Without a database there are no numbers, or old ones; the other metrics are not affected.

    storage: returns None until it is open.
    """

    def __init__(self, storage: Callable[[], Storage | None]) -> None:
        self._storage = storage
        self._numbers: _Numbers | None = None
        self._asking: threading.Thread | None = None
        self._lock = threading.Lock()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_by_status(), _oldest_due()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        if storage := self._storage():
            self._ask(storage).join(MAX_SECONDS)
        if (numbers := self._numbers) is None:
            return
        by_status = _by_status()
        for status, count in numbers.by_status:
            by_status.add_metric([status], count)
        yield by_status
        oldest_due = _oldest_due()
        waits = 0 if numbers.oldest_due is None else max(0, now() - numbers.oldest_due)
        oldest_due.add_metric([], waits / 1000)
        yield oldest_due

    def _ask(self, storage: Storage) -> threading.Thread:
        """One thread asks at a time, however many scrapes there are."""
        with self._lock:
            if self._asking is None or not self._asking.is_alive():
                name = "job metrics"
                self._asking = threading.Thread(target=self._read, args=[storage], name=name)
                self._asking.daemon = True  # the process need not wait for the database to end
                self._asking.start()
            return self._asking

    def _read(self, storage: Storage) -> None:
        by_status = select(JobRow.status, func.count()).group_by(JobRow.status)
        due = select(func.min(JobRow.due_at)).where(
            JobRow.due_at <= now(), JobRow.status.in_(UNFINISHED)
        )
        try:
            with storage.read_session() as session:
                counts = [(status, count) for status, count in session.execute(by_status)]
                self._numbers = _Numbers(counts, session.scalar(due))
        except StorageUnavailable:
            pass  # which is in the log already


def _by_status() -> GaugeMetricFamily:
    return GaugeMetricFamily("jobs", "Jobs that are kept", labels=["status"])


def _oldest_due() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "job_oldest_due_seconds", "How long the job that is due for longest waits for a worker"
    )
