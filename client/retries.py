"""Retries: which errors are retried, how often, and the wait before each attempt."""

import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from client.errors import ChainError, ServiceError, TimedOut, Unreachable
from shared.http import deadlines

RETRIED_STATUSES = frozenset({429, 503})
# A read timeout is final: the service is still at work on the request.
_RETRIED_ERRORS = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
_MAX_DOUBLINGS = 30  # keeps the power finite


@dataclass(frozen=True)
class RetryPolicy:
    """A limit on attempts, and exponential backoff with jitter between them.

    attempts: at most, the first included. first_wait, max_wait: seconds; the wait doubles
    after each failure. max_retry_after: seconds; a longer Retry-After is cut to this.
    deadline_seconds: for one call with all its attempts.
    """

    attempts: int = 5
    first_wait: float = 0.25
    max_wait: float = 8.0
    max_retry_after: float = 30.0
    deadline_seconds: float = 600.0

    def wait_seconds(self, failures: int, retry_after: float | None = None) -> float:
        """Seconds to wait after `failures` failed attempts, 1 or more.

        retry_after: seconds, as the server asked; it replaces the backoff.
        """
        if retry_after is not None:
            return min(retry_after, self.max_retry_after)
        doubled = self.first_wait * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)
        # Jitter spreads out clients that failed at the same moment.
        return min(doubled, self.max_wait) * random.uniform(0.5, 1.0)


@dataclass
class Attempts:
    """The attempts of one call and its deadline, which never outlasts the caller's own."""

    service: str
    url: str
    policy: RetryPolicy
    failed: int = 0
    started: float = field(default_factory=time.monotonic)

    def retry_wait(self, error: httpx.RequestError | ServiceError) -> float:
        """Count a failure. Returns the seconds to wait before the next attempt.

        Raises ChainError if there is no next attempt.
        """
        self.failed += 1
        final = self._final_error(error)
        if not _is_retried(error) or self.failed >= self.policy.attempts:
            raise final from error
        retry_after = error.retry_after if isinstance(error, ServiceError) else None
        wait = self.policy.wait_seconds(self.failed, retry_after)
        if self.seconds_left() < wait:
            raise final from error
        return wait

    def seconds_left(self) -> float:
        own = self.started + self.policy.deadline_seconds - time.monotonic()
        return min(own, deadlines.seconds_left())

    def check_deadline(self) -> None:
        """Raises TimedOut once the deadline has passed."""
        where = f"the {self.service} at {self.url}"
        if deadlines.seconds_left() <= 0:
            raise TimedOut(self.service, f"{where} did not answer within the caller's deadline")
        if self.seconds_left() <= 0:
            raise TimedOut(
                self.service,
                f"{where} did not finish within {self.policy.deadline_seconds:g} s; "
                "raise DEADLINE_SECONDS or send less",
            )

    def _final_error(self, error: httpx.RequestError | ServiceError) -> ChainError:
        where = f"the {self.service} at {self.url}"
        if isinstance(error, ServiceError):
            return error
        if isinstance(error, httpx.TimeoutException) and not _is_retried(error):
            return TimedOut(self.service, f"{where} sent nothing in time; it may be overloaded")
        times = "once" if self.failed == 1 else f"{self.failed} times"
        return Unreachable(
            self.service,
            f"{where} cannot be reached, tried {times} ({_reason(error)}); "
            f"start it (`better serve`) or correct {self.service.upper()}_URL",
        )


def _is_retried(error: Exception) -> bool:
    if isinstance(error, ServiceError):
        return error.status in RETRIED_STATUSES
    return isinstance(error, _RETRIED_ERRORS)


def _reason(error: BaseException) -> str:
    """The error of the operating system, if there is one: httpx's own says less."""
    cause = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno)
    return str(error) or type(error).__name__


def parse_retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, a number or an HTTP date; None for anything else."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())
