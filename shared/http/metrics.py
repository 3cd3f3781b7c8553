"""Prometheus metrics of one app: requests by route and status, errors by code, seconds, the queue,
the process."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """A registry of its own, so that several apps can live in one process.

    collectors: the app's own, made with registry=None.
    """

    def __init__(
        self, queue_length: Callable[[], float], collectors: Iterable[Collector] = ()
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["method", "route"]
        self._requests = Counter(
            "http_requests", "Requests answered", [*labels, "status"], registry=self.registry
        )
        self._errors = Counter(
            "http_errors",
            "Requests refused, or broken off after their answer had begun, by the error's code",
            ["route", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Seconds to the last byte",
            labels,
            buckets=_SECONDS,
            registry=self.registry,
        )
        queue = Gauge("queue_length", "Requests that wait for their turn", registry=self.registry)
        queue.set_function(queue_length)
        for collector in collectors:
            self.registry.register(collector)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Nothing that a client makes up may become a label: their number must stay bounded."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def count_problem(self, route: str, code: str) -> None:
        """code: of an error, as docs/api.md lists them."""
        self._errors.labels(route, code).inc()
