"""Access to the WebSocket: keys, host names, origins, sub-paths, the log and the metrics."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from gateway_service.settings import Settings
from tests.support.leaving_clients import wait_until
from tests.support.speech_fixtures import SpeechServer, speech_server
from tests.support.stream_client import PATH, StreamClient, stream_client

KEYS: dict[str, Any] = {"api_keys": SecretStr("sk-first,sk-second")}
KEY = {"Authorization": "Bearer sk-first"}
AS_PROTOCOL = "openai-insecure-api-key.sk-first"


@pytest.fixture(scope="module")
def keyed() -> Iterator[SpeechServer]:
    with speech_server(Settings(**KEYS, cors_origins=("https://ours.example",))) as server:
        yield server


@pytest.fixture(scope="module")
def keyless() -> Iterator[SpeechServer]:
    with speech_server(Settings(allowed_hosts=("tts.example",))) as server:
        yield server


@contextmanager
def refused(url: str, **options: Any) -> Iterator[Response]:
    with pytest.raises(InvalidStatus) as caught, stream_client(url, **options):
        pass
    yield caught.value.response


def code_of(response: Response) -> str:
    code: str = orjson.loads(response.body or b"")["error"]["code"]
    return code


def assert_speaks(client: StreamClient) -> None:
    client.configure()
    assert client.speak("Good morning.")[0] != b""
    assert isinstance(client.connection.response, Response)
    assert client.connection.response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"additional_headers": {"Authorization": "Bearer sk-third"}},
        {"additional_headers": {"Authorization": "Basic sk-first"}},
        {"subprotocols": ["realtime", "openai-insecure-api-key.sk-third"]},
        {"subprotocols": ["realtime", "openai-insecure-api-key."]},
        {"path": f"{PATH}?api_key=sk-first"},
        {"path": f"{PATH}?key=sk-first&authorization=Bearer+sk-first"},
    ],
    ids=str,
)
def test_connection_without_a_valid_key_is_refused(
    keyed: SpeechServer, options: dict[str, Any]
) -> None:
    with refused(keyed.url, **options) as response:
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert code_of(response) == "invalid_api_key"


@pytest.mark.parametrize(
    ("options", "selected"),
    [
        ({"additional_headers": KEY}, None),
        ({"additional_headers": KEY, "subprotocols": ["realtime"]}, "realtime"),
        ({"subprotocols": ["realtime", AS_PROTOCOL, "openai-beta.realtime-v1"]}, "realtime"),
        ({"subprotocols": [AS_PROTOCOL]}, AS_PROTOCOL),
        ({"additional_headers": KEY, "path": f"{PATH}/"}, None),
        ({"additional_headers": KEY, "path": f"{PATH}?model=tts-1"}, None),
    ],
    ids=str,
)
def test_key_opens_the_connection(
    keyed: SpeechServer, options: dict[str, Any], selected: str | None
) -> None:
    with stream_client(keyed.url, **options) as client:
        assert client.connection.subprotocol == selected
        assert_speaks(client)


@pytest.mark.parametrize("server", ["keyed", "keyless"])
def test_page_of_another_site_is_refused(server: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(server).url
    with refused(url, origin="https://other.example", subprotocols=[AS_PROTOCOL]) as response:
        assert response.status_code == 403
        assert code_of(response) == "forbidden"


def test_pages_of_the_gateway_and_of_listed_sites_are_served(
    keyed: SpeechServer, keyless: SpeechServer
) -> None:
    with stream_client(keyless.url, origin=keyless.url) as client:
        assert_speaks(client)
    with stream_client(
        keyed.url, origin="https://ours.example", subprotocols=[AS_PROTOCOL]
    ) as client:
        assert_speaks(client)


@pytest.mark.parametrize(("host", "is_known"), [("tts.example", True), ("evil.example", False)])
def test_host_name_must_be_known_without_keys(
    keyless: SpeechServer, host: str, is_known: bool
) -> None:
    address = httpx.URL(keyless.url)
    connection = socket.create_connection((address.host, address.port or 80))
    if is_known:
        with stream_client(f"http://{host}", sock=connection) as client:
            assert_speaks(client)
    else:
        with refused(f"http://{host}", sock=connection) as response:
            assert response.status_code == 403


@pytest.mark.parametrize("path", ["/speech/tts" + PATH, "/speech/tts" + PATH + "/", PATH])
def test_sub_path_is_stripped_or_passed_on(path: str) -> None:
    settings = Settings(root_path="/speech/tts")
    with speech_server(settings) as server, stream_client(server.url, path) as client:
        assert_speaks(client)


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/models", "/nowhere", PATH + "/more"])
def test_upgrade_is_ignored_where_there_is_no_websocket(keyless: SpeechServer, path: str) -> None:
    with refused(keyless.url, path=path) as response:
        assert response.status_code in (200, 404, 405)
        assert orjson.loads(response.body or b"")


HANDSHAKE = {
    "Upgrade": b"websocket",
    "Connection": b"Upgrade",
    "Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": b"13",
    "Host": b"localhost",
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Sec-WebSocket-Key", b""),
        ("Sec-WebSocket-Key", b"short"),
        ("Sec-WebSocket-Version", b""),
        ("Sec-WebSocket-Version", b"8"),
        ("Sec-WebSocket-Protocol", b"\xff"),
        ("Sec-WebSocket-Protocol", b"openai-insecure-api-key.\xc3\xa9"),
        ("Sec-WebSocket-Extensions", b"\xff; a=\xfe"),
        ("Host", b"\xff"),
        ("Host", b"xn--\xff"),
        ("Connection", b"Upgrade, \xff"),
        ("Content-Length", b"5"),
        ("Transfer-Encoding", b"chunked"),
    ],
)
def test_faulty_handshake_gets_an_error_and_leaves_nothing(
    keyless: SpeechServer, field: str, value: bytes
) -> None:
    answer = handshake(keyless, **{**HANDSHAKE, field: value})
    assert answer.startswith(b"HTTP/1.1 400 ")
    error = orjson.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["code"] == "malformed_request"


def test_faulty_handshakes_do_not_use_up_the_connections() -> None:
    with speech_server(Settings(max_connections=4)) as server:
        for _ in range(5):
            assert handshake(server, **{**HANDSHAKE, "Sec-WebSocket-Protocol": b"\xff"})
        with stream_client(server.url) as client:
            assert_speaks(client)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits=abc"),
        ("Sec-WebSocket-Protocol", b",,"),
        ("Content-Length", b"0"),
        ("X-Other", b"\xff"),
        ("Authorization", b"Bearer \xff"),
    ],
)
def test_odd_handshake_is_accepted(keyless: SpeechServer, field: str, value: bytes) -> None:
    answer = handshake(keyless, **{**HANDSHAKE, field: value})
    assert answer.startswith(b"HTTP/1.1 101 ")


def handshake(server: SpeechServer, **fields: bytes) -> bytes:
    """The response to a handshake. An empty field is left out."""
    lines = [f"GET {PATH} HTTP/1.1".encode()]
    lines += [b"%b: %b" % (name.encode(), value) for name, value in fields.items() if value]
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port or 80), timeout=60) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b""]))
        answer = b""
        while not answer.startswith(b"HTTP/1.1 101") and (part := connection.recv(4096)):
            answer += part
    return answer


def test_plain_request_is_told_to_use_a_websocket(keyless: SpeechServer) -> None:
    answer = httpx.get(keyless.url + PATH)
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"
    assert answer.json()["error"]["code"] == "websocket_needed"


def test_stopping_server_refuses_connections(keyless: SpeechServer) -> None:
    keyless.state.ready = False
    try:
        with refused(keyless.url) as response:
            assert response.status_code == 503
            assert code_of(response) == "not_ready"
    finally:
        keyless.state.ready = True


def test_connection_is_logged_and_counted_without_its_address(
    keyed: SpeechServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = f"{PATH}?api_key=sk-secret"
    with stream_client(keyed.url, path, additional_headers=KEY) as client:
        client.configure(voice="nobody")
        client.event("error")
    wait_until(lambda: any("WEBSOCKET" in line.getMessage() for line in caplog.records))
    lines = [record for record in caplog.records if record.name == "better.request"]
    assert vars(lines[-1])["fields"] | {"seconds": 0, "bytes": 0} == {
        "method": "WEBSOCKET",
        "route": PATH,
        "status": 101,
        "seconds": 0,
        "bytes": 0,
        "code": "voice_not_found",
    }
    of_server = [record for record in caplog.records if not record.name.startswith("websockets")]
    assert "sk-" not in "\n".join(str(vars(record)) for record in of_server)
    metrics = httpx.get(f"{keyed.url}/metrics", headers=KEY).text
    assert f'method="WEBSOCKET",route="{PATH}",status="101"' in metrics


def test_websockets_take_half_of_the_connections() -> None:
    with (
        speech_server(Settings(max_connections=4)) as server,
        stream_client(server.url) as first,
        stream_client(server.url),
    ):
        with refused(server.url) as response:
            assert response.status_code == 503
            assert code_of(response) == "too_many_connections"
        assert httpx.get(f"{server.url}/health/live").status_code == 200
        assert_speaks(first)
