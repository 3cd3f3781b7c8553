"""Calls to the services: their metrics, and their errors as the gateway's callers see them."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import Histogram

from client.errors import ChainError, ServiceError, TimedOut, Unreachable
from shared.http import deadlines
from shared.http.errors import ApiError, BadGateway, InvalidRequest, NotReady, QueueFull, TooSlow

log = logging.getLogger("better")

SERVICE_SECONDS = Histogram(
    "service_request_seconds",
    "Seconds to the last byte of a service's response; outcome: a status, broken, or left",
    ["service", "outcome"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100),
    registry=None,
)

_CLIENT_ERRORS = frozenset({400, 413, 415})
_RETRY_AFTER_SECONDS = 5
_MIN_SECONDS = 0.1
"""With less time left the caller's deadline has passed: a service gives up slightly before it."""


def note_call(service: str, outcome: str, seconds: float) -> None:
    """Record a call in SERVICE_SECONDS."""
    SERVICE_SECONDS.labels(service, outcome).observe(seconds)


@contextmanager
def as_api_errors(fields: Mapping[str, str]) -> Iterator[None]:
    """Translate every ChainError of the block into an ApiError.

    fields: names of fields that the caller sent, from the service's name to the gateway's. Only an
    error about one of these is the caller's fault.

    Raises InvalidRequest, QueueFull, BadGateway, NotReady or TooSlow.
    """
    try:
        yield
    except ChainError as error:
        api_error = _api_error(error, fields)
        if api_error.status >= 500:
            log.error("%s", error)  # includes the service's address, which callers must not see
        raise api_error from error


def _api_error(error: ChainError, fields: Mapping[str, str]) -> ApiError:
    match error:
        case ServiceError(status=status, param=str(param)) if (
            status in _CLIENT_ERRORS and param in fields
        ):
            problem = error.message.removeprefix(f"{param}: ")
            name = fields[param]
            return InvalidRequest(f"{name}: {problem}", param=name, code=error.code)
        case ServiceError(status=429):
            seconds = math.ceil(error.retry_after or _RETRY_AFTER_SECONDS)
            return QueueFull(
                f"the {error.service} is overloaded; try again in {seconds} s",
                retry_after_seconds=seconds,
            )
        case TimedOut() | ServiceError(status=504):
            return _too_slow(error)
        case Unreachable() | ServiceError(status=503):
            return _not_ready(error)
    return BadGateway(f"the {error.service} failed; try again, and check its log if it fails again")


def _too_slow(error: ChainError) -> TooSlow:
    if deadlines.seconds_left() < _MIN_SECONDS:
        return TooSlow(
            f"the {error.service} was not done when the seconds of {deadlines.HEADER} were over; "
            "allow more seconds, or send less",
            param=deadlines.HEADER.lower(),
            code="service_timeout",
        )
    return TooSlow(
        f"the {error.service} took too long; try again later, or send less", code="service_timeout"
    )


def _not_ready(error: ChainError) -> NotReady:
    seconds = _RETRY_AFTER_SECONDS
    if isinstance(error, ServiceError) and error.retry_after:
        seconds = math.ceil(error.retry_after)
    not_ready = NotReady(
        f"the {error.service} is unreachable; try again in {seconds} s", code="service_unavailable"
    )
    not_ready.headers = {"Retry-After": str(seconds)}
    return not_ready
