from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from client.errors import ServiceError, TimedOut, Unreachable
from client.retries import Attempts, RetryPolicy, parse_retry_after

BUSY = ServiceError("vocoder", 503, "busy")


def attempts(**policy: float) -> Attempts:
    return Attempts("vocoder", "http://vocoder", RetryPolicy(**policy))  # type: ignore[arg-type]


def test_waits_double_up_to_a_limit_with_jitter() -> None:
    call = attempts(attempts=6, first_wait=1.0, max_wait=4.0)

    waits = [call.retry_wait(BUSY) for _ in range(5)]

    for waited, longest in zip(waits, [1.0, 2.0, 4.0, 4.0, 4.0], strict=True):
        assert longest / 2 <= waited <= longest


def test_wait_stays_finite_after_many_failures() -> None:
    assert 4 <= RetryPolicy().wait_seconds(failures=10_000) <= 8


def test_attempts_are_bounded() -> None:
    call = attempts(attempts=3)
    call.retry_wait(BUSY)
    call.retry_wait(BUSY)

    with pytest.raises(ServiceError, match="the vocoder answered 503: busy"):
        call.retry_wait(BUSY)


@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (3600.0, 30.0), (0.0, 0.0)])
def test_retry_after_replaces_the_backoff_within_bounds(asked: float, waited: float) -> None:
    assert attempts().retry_wait(ServiceError("vocoder", 429, "full", retry_after=asked)) == waited


def test_no_wait_reaches_past_the_deadline() -> None:
    call = attempts(deadline_seconds=5)

    with pytest.raises(ServiceError):
        call.retry_wait(ServiceError("vocoder", 503, "busy", retry_after=6))


@pytest.mark.parametrize("status", [400, 401, 404, 413, 415, 500, 504])
def test_other_errors_of_a_service_are_final(status: int) -> None:
    with pytest.raises(ServiceError):
        attempts().retry_wait(ServiceError("vocoder", status, "no"))


def test_read_timeout_is_final() -> None:
    with pytest.raises(TimedOut, match="the vocoder at http://vocoder"):
        attempts().retry_wait(httpx.ReadTimeout("timed out"))


def test_failed_connection_is_unreachable() -> None:
    call = attempts(attempts=2)
    call.retry_wait(httpx.ConnectTimeout("timed out"))

    with pytest.raises(Unreachable, match=r"tried 2 times \(refused\); start it"):
        call.retry_wait(httpx.ConnectError("refused"))


def test_passed_deadline_ends_the_call() -> None:
    with pytest.raises(TimedOut, match="did not finish within 0 s; raise DEADLINE_SECONDS"):
        attempts(deadline_seconds=0).check_deadline()


@pytest.mark.parametrize(
    ("value", "seconds"), [("12", 12.0), (" 0 ", 0.0), (None, None), ("soon", None), ("-1", None)]
)
def test_retry_after_is_read_as_seconds(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert parse_retry_after(later) == pytest.approx(3600, abs=5)


def test_date_in_the_past_means_now() -> None:
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
