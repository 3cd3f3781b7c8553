"""Prometheus metrics of an app: requests, errors by code, durations, queue and process."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.registry import Collector

_SECONDS = (0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """Metrics in a registry of their own, so that a process can hold several apps.

    collectors: the app's own, made with registry=None.
    """

    def __init__(
        self, queue_length: Callable[[], float], collectors: Iterable[Collector] = ()
    ) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["method", "route"]
        self._requests = Counter(
            "http_requests", "Responses sent", [*labels, "status"], registry=self.registry
        )
        self._errors = Counter(
            "http_errors",
            "Requests rejected, or aborted after the response started, by error code",
            ["route", "code"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Seconds until the last byte is sent",
            labels,
            buckets=_SECONDS,
            registry=self.registry,
        )
        queue = Gauge("queue_length", "Requests waiting for a compute slot", registry=self.registry)
        queue.set_function(queue_length)
        for collector in collectors:
            self.registry.register(collector)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a response. No label comes from the client, so that their number is bounded."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def count_error(self, route: str, code: str) -> None:
        """Count an error by its code; docs/api.md lists the codes."""
        self._errors.labels(route, code).inc()
