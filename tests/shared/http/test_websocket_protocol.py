"""The handshake of a WebSocket; tests/gateway_service/speech tests what follows it."""

import h11
import pytest

from shared.http.websocket_protocol import find_handshake_problem

HEADERS = {
    "Host": "127.0.0.1",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def problem_of(method: str = "GET", version: str = "1.1", **changed: str) -> str | None:
    """changed: headers by name, with _ for -."""
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changed.items()}
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return find_handshake_problem(
        h11.Request(method=method, target="/", headers=encoded, http_version=version)
    )


def test_handshake_of_the_standard_has_no_problem() -> None:
    assert problem_of() is None
    assert problem_of(Content_Length="0") is None


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"method": "POST"}, "GET and HTTP/1.1"),
        ({"version": "1.0"}, "GET and HTTP/1.1"),
        ({"Content-Length": "5"}, "has no body"),
        ({"Transfer-Encoding": "chunked"}, "has no body"),
        ({"Sec-WebSocket-Version": "8"}, "must be 13"),
        ({"Sec-WebSocket-Key": "short"}, "16 bytes in base64"),
        ({"Sec-WebSocket-Protocol": "é"}, "sec-websocket-protocol holds other characters"),
        ({"Host": "é"}, "Host is not a host name"),
    ],
)
def test_problem_is_named(changed: dict[str, str], problem: str) -> None:
    found = problem_of(**changed)
    assert found is not None
    assert problem in found
