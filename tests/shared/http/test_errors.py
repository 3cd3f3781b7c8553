"""Errors that reach a client."""

import pytest

from shared.http import errors
from shared.http.errors import ApiError, InvalidRequest, QueueFull, RateLimited, UpgradeRequired


def test_body_has_type_message_param_and_code() -> None:
    assert InvalidRequest("sr: is missing", param="sr", code="missing").body() == {
        "error": {
            "type": "invalid_request_error",
            "message": "sr: is missing",
            "param": "sr",
            "code": "missing",
        }
    }


def test_code_and_param_have_defaults() -> None:
    error = InvalidRequest("is wrong")
    assert (error.code, error.param, error.headers) == ("invalid_value", None, {})


@pytest.mark.parametrize("kind", [QueueFull, RateLimited])
def test_full_queue_says_when_to_try_again(kind: type[QueueFull]) -> None:
    error = kind("is full", retry_after_seconds=7)
    assert (error.status, error.type) == (429, "rate_limit_error")
    assert error.headers == {"Retry-After": "7", "Connection": "close"}


def test_missing_upgrade_is_asked_for() -> None:
    assert UpgradeRequired("is a WebSocket").headers["Upgrade"] == "websocket"


def test_status_and_type_agree() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    for kind in (kind for kind in kinds if issubclass(kind, ApiError)):
        assert (kind.status >= 500) == (kind.type == "server_error"), kind
