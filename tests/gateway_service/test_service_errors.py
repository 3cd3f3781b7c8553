import pytest

from client.errors import BadResponse, ChainError, ServiceError, TimedOut, Unreachable
from gateway_service.service_errors import as_api_errors
from shared.http.errors import ApiError


def answer_to(error: ChainError, **fields: str) -> ApiError:
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
def test_failure_is_answered_with_the_service_and_a_remedy(
    error: ChainError, status: int, code: str
) -> None:
    answer = answer_to(error, text="input")

    assert (answer.status, answer.code, answer.param) == (status, code, None)
    assert "the vocoder" in answer.message
    assert "again" in answer.message


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_service_is_passed_on(status: int) -> None:
    answer = answer_to(ServiceError("vocoder", status, "busy", retry_after=6.2))

    assert answer.headers["Retry-After"] == "7"


def test_caller_is_asked_back_where_no_time_was_said() -> None:
    answer = answer_to(Unreachable("vocoder", "refused"))

    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("status", [400, 413, 415])
def test_refusal_of_the_callers_field_names_it_as_the_caller_does(status: int) -> None:
    refusal = ServiceError(
        "synthesizer", status, "text: '%' cannot be spoken", param="text", code="nothing_to_speak"
    )

    answer = answer_to(refusal, text="input")

    assert (answer.status, answer.param, answer.code) == (400, "input", "nothing_to_speak")
    assert answer.message == "input: '%' cannot be spoken"


def test_addresses_of_services_stay_inside() -> None:
    answer = answer_to(Unreachable("vocoder", "the vocoder at http://10.0.0.7:8003 is away"))

    assert "10.0.0.7" not in answer.message


def test_what_the_log_gets_has_the_address(caplog: pytest.LogCaptureFixture) -> None:
    answer_to(Unreachable("vocoder", "the vocoder at http://10.0.0.7:8003 is away"))

    assert "10.0.0.7" in caplog.text


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), as_api_errors({}):
        raise KeyError("ours")
