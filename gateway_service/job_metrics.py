"""How many jobs there are, asked of the database whenever somebody looks at the metrics."""

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from gateway_service.storage import Storage, StorageUnavailable
from gateway_service.tables_jobs import JobRow


class JobsByStatus(Collector):
    """Without a database there is no number, and the other metrics are there.

    storage: gives None until it is open.
    """

    def __init__(self, storage: Callable[[], Storage | None]) -> None:
        self._storage = storage

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return [_gauge()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        storage = self._storage()
        if storage is None:
            return
        try:
            with storage.read_session() as session:
                rows = session.execute(select(JobRow.status, func.count()).group_by(JobRow.status))
                counts = rows.tuples().all()
        except StorageUnavailable:
            return
        gauge = _gauge()
        for status, count in counts:
            gauge.add_metric([status], count)
        yield gauge


def _gauge() -> GaugeMetricFamily:
    return GaugeMetricFamily("jobs", "Jobs that are kept", labels=["status"])
