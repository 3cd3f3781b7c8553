import pytest

from client.errors import BadResponse, ChainError, ServiceError, TimedOut, Unreachable
from gateway_service.service_calls import as_api_errors
from shared.http.errors import ApiError


def translated(error: ChainError, **fields: str) -> ApiError:
    with pytest.raises(ApiError) as caught, as_api_errors(fields):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unreachable("vocoder", "at http://10.0.0.7:8003"), 503, "service_unavailable"),
        (ServiceError("vocoder", 503, "draining"), 503, "service_unavailable"),
        (TimedOut("vocoder", "sent nothing"), 504, "service_timeout"),
        (ServiceError("vocoder", 504, "waited"), 504, "service_timeout"),
        (ServiceError("vocoder", 429, "busy"), 429, "queue_full"),
        (ServiceError("vocoder", 500, "broke"), 502, "service_failed"),
        (ServiceError("vocoder", 400, "spec is ragged", param="spec"), 502, "service_failed"),
        (ServiceError("vocoder", 302, "moved"), 502, "service_failed"),
        (BadResponse("vocoder", "not JSON"), 502, "service_failed"),
    ],
)
def test_failure_names_the_service_and_a_remedy(error: ChainError, status: int, code: str) -> None:
    api_error = translated(error, text="input")

    assert (api_error.status, api_error.code, api_error.param) == (status, code, None)
    assert "the vocoder" in api_error.message
    assert "again" in api_error.message


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_service_is_passed_on(status: int) -> None:
    api_error = translated(ServiceError("vocoder", status, "busy", retry_after=6.2))

    assert api_error.headers["Retry-After"] == "7"


def test_retry_after_has_a_default() -> None:
    api_error = translated(Unreachable("vocoder", "refused"))

    assert int(api_error.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [400, 413, 415])
def test_rejected_field_is_named_as_the_caller_sent_it(status: int) -> None:
    service_error = ServiceError(
        "synthesizer", status, "text: '%' cannot be spoken", param="text", code="nothing_to_speak"
    )

    api_error = translated(service_error, text="input")

    assert (api_error.status, api_error.param, api_error.code) == (400, "input", "nothing_to_speak")
    assert api_error.message == "input: '%' cannot be spoken"


def test_address_of_a_service_is_not_revealed() -> None:
    api_error = translated(Unreachable("vocoder", "http://10.0.0.7:8003 is down"))

    assert "10.0.0.7" not in api_error.message


def test_log_contains_the_address(caplog: pytest.LogCaptureFixture) -> None:
    translated(Unreachable("vocoder", "http://10.0.0.7:8003 is down"))

    assert "10.0.0.7" in caplog.text


def test_other_errors_are_not_translated() -> None:
    with pytest.raises(KeyError), as_api_errors({}):
        raise KeyError("ours")
