"""Requests that no sane client sends, byte for byte: refused or harmless, and never a 5xx."""

import io
import re
import socket
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import soundfile

from shared.services import SERVICES
from tests.conftest import Service, running
from tests.support.stub_services import StubServices

APPS = [*SERVICES, "gateway"]
LIMIT = 200_000  # bytes of a body, for the small gateway
every_app = pytest.mark.parametrize("name", APPS)


def answer_to(url: httpx.URL, request: bytes) -> bytes:
    """All that comes back until the connection closes."""
    with socket.create_connection((url.host, url.port), timeout=60) as connection:
        parts = []
        try:
            connection.sendall(request)
            while part := connection.recv(65_536):
                parts.append(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while it was still being sent
        return b"".join(parts)


def status_of(answer: bytes) -> int | None:
    """None where the connection was closed without a word."""
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else None


def head(target: bytes = b"/check", *lines: bytes, method: bytes = b"GET") -> bytes:
    fields = [
        b"%s %s HTTP/1.1" % (method, target),
        b"Host: 127.0.0.1",
        b"Connection: close",
        *lines,
    ]
    return b"\r\n".join(fields) + b"\r\n\r\n"


NO_HTTP = {
    "nothing but a line": b"\r\n\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(20),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/9.9": b"GET /nothing HTTP/9.9\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    "zeros": bytes(100) + b"\r\n\r\n",
    "two hosts": head(b"/check", b"Host: y"),
    "raw bytes in the path": head(b"/\xff\xfe\x80"),
    "blank in the path": head(b"/check /health"),
    "zero in a header": head(b"/check", b"X-Odd: a\0b"),
    "bare line feed in a header": head(b"/check", b"X-Odd: a\nb"),
    "no colon": head(b"/check", b"nonsense"),
    "blank in a name": head(b"/check", b"X Odd: a"),
    "two lengths": head(b"/inference", b"Content-Length: 1", b"Content-Length: 2", method=b"POST"),
    "negative length": head(b"/inference", b"Content-Length: -1", method=b"POST"),
    "length in words": head(b"/inference", b"Content-Length: many", method=b"POST"),
    "endless length": head(b"/inference", b"Content-Length: " + b"9" * 400, method=b"POST"),
    "unknown encoding": head(b"/inference", b"Transfer-Encoding: zip", method=b"POST"),
    "endless head": head(b"/check", *[b"X-%d: %s" % (i, b"a" * 100) for i in range(5_000)]),
    "endless path": head(b"/" + b"a" * 500_000),
}


@every_app
@pytest.mark.parametrize("request_bytes", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_refused(service: Service, name: str, request_bytes: bytes) -> None:
    status = status_of(answer_to(service(name).base_url, request_bytes))
    assert status in (None, 400, 403, 404, 431)
    assert service(name).get("/check").status_code == 200


CHUNKED = b"Content-Type: application/json\r\nTransfer-Encoding: chunked"


@every_app
@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"-1\r\n{}\r\n0\r\n\r\n",
        b"ffffffffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}0\r\n\r\n\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_refused(service: Service, name: str, chunks: bytes) -> None:
    paths = {"gateway": b"/v1/jobs"}
    request = head(paths.get(name, b"/inference"), CHUNKED, method=b"POST") + chunks
    assert status_of(answer_to(service(name).base_url, request)) in (None, 400)
    assert service(name).get("/check").status_code == 200


@every_app
@pytest.mark.parametrize(
    "target",
    [
        b"/%00",
        b"/%ff%fe",
        b"/%",
        b"/%zz",
        b"/..%2f..%2f..%2fetc/passwd",
        b"/static/..%2f..%2fgateway.py",
        b"/static/%00",
        b"/static/" + b"a" * 5_000,
        b"/v1/jobs/%00/audio",
        b"/v1/jobs/" + b"%f0%9f%98%80" * 100,
        b"/v1/audio/voices/%ff%00%0a",
        b"/v1/models/%7B%7B7*7%7D%7D",
        b"//check//",
        b"/check/../nothing",
        b"*",
    ],
)
def test_path_of_odd_bytes_is_not_found(service: Service, name: str, target: bytes) -> None:
    answer = answer_to(service(name).base_url, head(target))
    assert status_of(answer) in (400, 404)
    assert b"not_found" in answer or status_of(answer) == 400
    assert b"root:" not in answer


@every_app
@pytest.mark.parametrize(
    "line",
    [
        b"X-Request-ID: \xff\xfe\x80",
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: \xe2\x80\xae",
        b"Origin: \xff",
        b"Host: \xff\xff",
        b"Accept: \xff/\xff, */*",
        b"Cookie: " + b"\xf0\x9f\x98\x80" * 500,
        b"Range: bytes=-9999999999999999999",
        b"If-Modified-Since: \xff",
        b"If-None-Match: \xff",
        b"Forwarded: \xff",
        b"X-Forwarded-For: \xff, ::::, 999.999.999.999",
        b"X-Forwarded-Proto: \xff",
        b"Expect: 200-maybe",
        b"Upgrade: websocket\r\nConnection: Upgrade",
        b"Content-Encoding: \xff",
        b"X-Request-Deadline: \xff",
    ],
)
@pytest.mark.parametrize("target", [b"/", b"/health/ready", b"/nothing"])
def test_header_of_odd_bytes_is_refused_or_harmless(
    service: Service, name: str, line: bytes, target: bytes
) -> None:
    status = status_of(answer_to(service(name).base_url, head(target, line)))
    assert status in (200, 206, 400, 403, 404, 415)


JSON_CALLS = [
    ("encoder", b"/inference"),
    ("synthesizer", b"/inference"),
    ("synthesizer", b"/chars"),
    ("vocoder", b"/inference"),
    ("gateway", b"/v1/audio/speech"),
    ("gateway", b"/v1/jobs"),
    ("gateway", b"/inference-c"),
]


@pytest.mark.parametrize(("name", "path"), JSON_CALLS)
@pytest.mark.parametrize(
    "kind",
    [
        b"application/json; charset=\xff",
        b"application/json; charset=utf-16",
        b"application/\xffjson",
        b"\xff",
        b"multipart/form-data; boundary=\xff",
        b"multipart/form-data; boundary=" + b"a" * 10_000,
        b'multipart/form-data; boundary=""',
        b"audio/\xff",
        b"text/plain; charset=\xff",
    ],
)
def test_content_type_of_odd_bytes_is_refused(
    service: Service, name: str, path: bytes, kind: bytes
) -> None:
    lines = (b"Content-Type: " + kind, b"Content-Length: 4")
    answer = answer_to(service(name).base_url, head(path, *lines, method=b"POST") + b"--x\xff")
    assert status_of(answer) in (400, 415)
    assert b'"error"' in answer


@pytest.mark.parametrize(
    ("name", "path", "field"),
    [
        ("encoder", b"/inference", b"file"),
        ("gateway", b"/v1/jobs", b"file"),
        ("gateway", b"/v1/audio/voices", b"audio_sample"),
        ("gateway", b"/v1/audio/verify", b"file"),
    ],
)
@pytest.mark.parametrize("file_name", [b"\xff\xfe", b"../../../etc/passwd", b"a\0b", b'";x="', b""])
def test_file_of_an_odd_name_is_refused_or_harmless(
    service: Service, name: str, path: bytes, field: bytes, file_name: bytes
) -> None:
    disposition = b'Content-Disposition: form-data; name="%s"; filename="%s"'
    part = disposition % (field, file_name)
    body = b"--x\r\n" + part + b"\r\n\r\nnot a sound\xff\r\n--x--\r\n"
    lines = (b"Content-Type: multipart/form-data; boundary=x", b"Content-Length: %d" % len(body))
    answer = answer_to(service(name).base_url, head(path, *lines, method=b"POST") + body)
    assert status_of(answer) in (400, 415)
    assert b'"error"' in answer


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("data")
    with (
        StubServices() as services,
        running(
            "gateway", MAX_BODY_BYTES=str(LIMIT), DATA_DIR=str(folder), **services.environment
        ) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a.wav"\r\n\r\n'


@pytest.mark.parametrize(
    ("path", "kind", "start"),
    [
        ("/v1/audio/speech", "application/json", b'{"input":"'),
        ("/inference-c", "application/json", b'{"wav":[0.0,'),
        ("/v1/jobs", "application/json", b'{"input":"'),
        ("/v1/jobs", "text/plain", b""),
        ("/v1/jobs", FORM, PART % b"file"),
        ("/v1/audio/voices", FORM, PART % b"audio_sample"),
        ("/v1/audio/verify", FORM, PART % b"file"),
        ("/v1/audio/verify", "audio/wav", b"RIFF"),
    ],
)
@pytest.mark.parametrize("chunked", [True, False])
def test_body_over_the_limit_of_the_gateway_is_refused(
    small_gateway: httpx.Client, path: str, kind: str, start: bytes, chunked: bool
) -> None:
    """However it comes: in one piece with its length, or in chunks without."""

    def chunks() -> Iterator[bytes]:
        yield start
        for _ in range(5 * LIMIT // 1_000):
            yield b"1" * 1_000

    content = chunks() if chunked else b"".join(chunks())
    answer = small_gateway.post(path, content=content, headers={"Content-Type": kind})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/jobs", "/inference-c", "/inference-w"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 150_000, "invalid_json"),
        (b'{"input":' * 15_000, "invalid_json"),
        (b'{"speed": 1e999}', "not_finite"),
        (b'{"speed": NaN}', "not_finite"),
        (b'{"seed": -Infinity}', "not_finite"),
        (b'{"input": "\\ud800"}', "invalid_json"),
        (b'{"input": "\xed\xa0\x80"}', "invalid_json"),
    ],
)
def test_json_that_is_none_is_refused_by_the_gateway(
    small_gateway: httpx.Client, path: str, body: bytes, code: str
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = small_gateway.post(path, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_sound_that_unpacks_large_is_refused_by_the_gateway(
    service: Service, hour_of_silence: bytes
) -> None:
    headers = {"Content-Type": "audio/flac"}
    answer = service("gateway").post("/v1/audio/verify", content=hour_of_silence, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "clip_too_long"


@pytest.fixture(scope="module")
def hour_of_silence() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000 * 3_600, np.float32), 8_000, format="FLAC")
    return file.getvalue()
