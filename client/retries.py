"""When a call is tried again, and how long to wait before."""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from client.errors import ChainError, ServiceError, TimedOut, Unreachable
from shared.http import deadlines

RETRIED_STATUSES = frozenset({429, 503})
_MAX_DOUBLINGS = 30  # keeps the power finite
# A read that timed out is not tried again: the service is still at it.
_DROPPED = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


@dataclass(frozen=True)
class RetryPolicy:
    """attempts: in all. first_wait, longest_wait: seconds; the wait doubles every time.

    longest_retry_after: a service that asks for more seconds than this is asked again sooner.
    """

    attempts: int = 5
    first_wait: float = 0.25
    longest_wait: float = 8.0
    longest_retry_after: float = 30.0
    deadline_seconds: float = 600.0

    def wait_seconds(self, failures: int, retry_after: float | None = None) -> float:
        """Seconds to wait after `failures` failed attempts, 1 or more.

        retry_after: seconds, as the server asked; it replaces the backoff.
        """
        if retry_after is not None:
            return min(retry_after, self.longest_retry_after)
        doubled = self.first_wait * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)
        # Jitter spreads out clients that failed at the same moment.
        return min(doubled, self.longest_wait) * random.uniform(0.5, 1.0)


@dataclass
class Attempts:
    """The attempts of one call, and its deadline, which is no later than that of whoever the call
    is made for."""

    service: str
    url: str
    policy: RetryPolicy
    failed: int = 0
    started: float = field(default_factory=time.monotonic)

    def wait_after(self, error: httpx.RequestError | ServiceError) -> None:
        """Returns when the next attempt is due; raises ChainError if there is to be none."""
        self.failed += 1
        final = self._as_final(error)
        if not _is_passing(error) or self.failed >= self.policy.attempts:
            raise final from error
        retry_after = error.retry_after if isinstance(error, ServiceError) else None
        wait = self.policy.wait_seconds(self.failed, retry_after)
        if self.seconds_left() < wait:
            raise final from error
        deadlines.sleep(wait)

    def seconds_left(self) -> float:
        own = self.started + self.policy.deadline_seconds - time.monotonic()
        return min(own, deadlines.seconds_left())

    def check_deadline(self) -> None:
        if deadlines.seconds_left() <= 0:
            raise TimedOut(
                self.service,
                f"the {self.service} at {self.url} was not done when its caller's time was over",
            )
        if self.seconds_left() <= 0:
            raise TimedOut(
                self.service,
                f"the {self.service} at {self.url} was not done in "
                f"{self.policy.deadline_seconds:g} s; raise DEADLINE_SECONDS or send less",
            )

    def _as_final(self, error: httpx.RequestError | ServiceError) -> ChainError:
        where = f"the {self.service} at {self.url}"
        if isinstance(error, ServiceError):
            return error
        if isinstance(error, httpx.TimeoutException) and not _is_passing(error):
            return TimedOut(self.service, f"{where} sent nothing for too long; is it overloaded?")
        times = "once" if self.failed == 1 else f"{self.failed} times"
        reason = str(error) or type(error).__name__
        return Unreachable(
            self.service,
            f"{where} cannot be reached, tried {times} ({reason}); "
            f"is it running (`better serve`), is {self.service.upper()}_URL right?",
        )


def _is_passing(error: Exception) -> bool:
    if isinstance(error, ServiceError):
        return error.status in RETRIED_STATUSES
    return isinstance(error, _DROPPED)


def parse_retry_after(value: str | None) -> float | None:
    """Seconds, from a number of them or an HTTP date; None for what is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())
