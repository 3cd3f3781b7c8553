"""How the services behind the gateway do, as it sees them."""

from prometheus_client import Histogram

SERVICE_SECONDS = Histogram(
    "service_request_seconds",
    "Seconds to the last byte of a service's answer; outcome: a status, broken, or left by us",
    ["service", "outcome"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100),
    registry=None,
)


def note_call(service: str, outcome: str, seconds: float) -> None:
    SERVICE_SECONDS.labels(service, outcome).observe(seconds)
