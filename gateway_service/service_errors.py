"""What a caller of the gateway is told when a service behind it fails."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from client.errors import ChainError, ServiceError, TimedOut, Unreachable
from shared.http import deadlines
from shared.http.errors import ApiError, BadGateway, InvalidRequest, NotReady, QueueFull, TooSlow

log = logging.getLogger("better")

_REFUSALS = frozenset({400, 413, 415})
_RETRY_SECONDS = 5
_NO_TIME = 0.1  # seconds: a service that is told how many are left gives up a little earlier


@contextmanager
def as_api_errors(fields: Mapping[str, str]) -> Iterator[None]:
    """Raises ApiErrors in place of ChainErrors: InvalidRequest, QueueFull, BadGateway, NotReady or
    TooSlow.

    fields: by the service's name of a field that came from our caller, what the caller calls it.
    Only what a service says of these is the caller's fault.
    """
    try:
        yield
    except ChainError as error:
        answer = _answer_to(error, fields)
        if answer.status >= 500:
            log.error("%s", error)  # with its address, which is nothing for callers
        raise answer from error


def _answer_to(error: ChainError, fields: Mapping[str, str]) -> ApiError:
    match error:
        case ServiceError(status=status, param=str(param)) if (
            status in _REFUSALS and param in fields
        ):
            said = error.message.removeprefix(f"{param}: ")
            name = fields[param]
            return InvalidRequest(f"{name}: {said}", param=name, code=error.code)
        case ServiceError(status=429):
            seconds = math.ceil(error.retry_after or _RETRY_SECONDS)
            return QueueFull(
                f"the {error.service} has too much to do; try again in {seconds} s",
                retry_after_seconds=seconds,
            )
        case TimedOut() | ServiceError(status=504):
            return _too_slow(error)
        case Unreachable() | ServiceError(status=503):
            return _unavailable(error)
    return BadGateway(
        f"the {error.service} failed; try again, and if it fails again look into its log"
    )


def _too_slow(error: ChainError) -> TooSlow:
    if deadlines.seconds_left() < _NO_TIME:
        return TooSlow(
            f"the {error.service} was not done when the seconds of {deadlines.HEADER} were over; "
            "allow more, or send less",
            param=deadlines.HEADER.lower(),
            code="service_timeout",
        )
    return TooSlow(
        f"the {error.service} took too long; try again later, or send less", code="service_timeout"
    )


def _unavailable(error: ChainError) -> NotReady:
    seconds = _RETRY_SECONDS
    if isinstance(error, ServiceError) and error.retry_after:
        seconds = math.ceil(error.retry_after)
    answer = NotReady(
        f"the {error.service} cannot be reached now; try again in {seconds} s",
        code="service_unavailable",
    )
    answer.headers = {"Retry-After": str(seconds)}
    return answer
