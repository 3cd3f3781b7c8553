"""Invalid input gets an error object that names the field, never a 500."""

import http.client
import io
import json
import select
import socket
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from shared.http.tensors import Float32Array
from shared.services import SERVICES
from tests.conftest import Service

MIB = 2**20
ALL = [*SERVICES]
JSON = {"Content-Type": "application/json"}

Row = list[float]
EMBED: Row = [0.0625] * 256
SPEC: list[Row] = [[0.0] * 4] * 80


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error object, checked to be complete and without a stack trace."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"type", "message", "param", "code"}
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    return error


def tone(seconds: float, rate: int = 16_000) -> Float32Array:
    wave: Float32Array = (0.3 * np.sin(np.arange(int(seconds * rate)) * 0.1)).astype(np.float32)
    return wave


def sound_file(wav: Float32Array, rate: int = 16_000, kind: str = "WAV", **how: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wav, rate, format=kind, **how)
    return file.getvalue()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{'wav': [1]}", "invalid_json"),
        (b"\xff\xfe{}", "invalid_json"),
        (b"[" * 200_000, "invalid_json"),
        (b'{"wav":' + b"[" * 200_000, "invalid_json"),
        (b'"[1, 2]"', None),
        (b"[]", None),
        (b"null", None),
        (b"17", None),
        (b"{}", "missing"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_malformed_json_is_rejected(
    service: Service, name: str, body: bytes, code: str | None
) -> None:
    error = error_of(service(name).post("/inference/", content=body, headers=JSON), 400)
    assert error["type"] == "invalid_request_error"
    assert code in (None, error["code"])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("body", [b'"[1, 2]"', b"[]", b"null", b"17"])
def test_body_that_is_not_an_object_is_rejected(service: Service, name: str, body: bytes) -> None:
    error = error_of(service(name).post("/inference/", content=body, headers=JSON), 400)
    assert error["message"].startswith("the body: must be a JSON object; ")
    assert error["param"] is None


@pytest.mark.parametrize("said", ["soon", "-1", "1e3", "inf", ""])
def test_malformed_deadline_is_rejected(service: Service, said: str) -> None:
    headers = {"X-Request-Deadline": said}
    error = error_of(service("synthesizer").post("/chars/", json={}, headers=headers), 400)
    assert error["message"].startswith(f"X-Request-Deadline: {said!r} is not a number of seconds")
    assert error["param"] == "x-request-deadline"


def test_list_over_its_limit_gets_the_limit(service: Service) -> None:
    many = service("synthesizer").post("/chars/", json={"texts": ["Hi."] * 17})
    assert error_of(many, 400)["message"].startswith(
        "texts: the list has over 16 entries, the limit"
    )


@pytest.mark.parametrize(
    ("name", "body", "param", "code"),
    [
        ("encoder", {"sr": 16000}, "wav", "missing"),
        ("encoder", {"wav": [0.1]}, "sr", "missing"),
        ("encoder", {"wav": "[0.1]", "sr": 16000}, "wav", "wrong_type"),
        ("encoder", {"wav": None, "sr": 16000}, "wav", "missing"),
        ("encoder", {"wav": {"0": 0.1}, "sr": 16000}, "wav", "wrong_type"),
        ("encoder", {"wav": [0.1, "0.2"], "sr": 16000}, "wav", "wrong_type"),
        ("encoder", {"wav": [0.1, None], "sr": 16000}, "wav", "wrong_type"),
        ("encoder", {"wav": [0.1, True], "sr": 16000}, "wav", "wrong_type"),
        ("encoder", {"wav": [[0.1], [0.2]], "sr": 16000}, "wav", "wrong_type"),
        ("encoder", {"wav": [], "sr": 16000}, "wav", "empty"),
        ("encoder", {"wav": [12000, -3], "sr": 16000}, "wav", "out_of_range"),
        ("encoder", {"wav": [1e300], "sr": 16000}, "wav", "out_of_range"),
        ("encoder", {"wav": [10**400 // 7], "sr": 16000}, "wav", "not_finite"),
        ("encoder", {"wav": [0.1], "sr": 0}, "sr", "greater_than_equal"),
        ("encoder", {"wav": [0.1], "sr": 3_999}, "sr", "greater_than_equal"),
        ("encoder", {"wav": [0.1], "sr": 10**9}, "sr", "less_than_equal"),
        ("encoder", {"wav": [0.1], "sr": "16000"}, "sr", "int_type"),
        ("encoder", {"wav": [0.1], "sr": None}, "sr", "missing"),
        ("synthesizer", {"text": "Hello"}, "embed", "missing"),
        ("synthesizer", {"text": 5, "embed": EMBED}, "text", "string_type"),
        ("synthesizer", {"text": "Hello", "embed": EMBED[:255]}, "embed", "wrong_length"),
        ("synthesizer", {"text": "Hello", "embed": [EMBED]}, "embed", "wrong_length"),
        ("synthesizer", {"text": "", "embed": EMBED}, "text", "nothing_to_speak"),
        ("synthesizer", {"text": " \n\t", "embed": EMBED}, "text", "nothing_to_speak"),
        ("synthesizer", {"text": "😀🎉", "embed": EMBED}, "text", "nothing_to_speak"),
        ("synthesizer", {"text": "?!...", "embed": EMBED}, "text", "nothing_to_speak"),
        ("synthesizer", {"text": "안녕하세요", "embed": EMBED}, "text", "unreadable_script"),
        ("synthesizer", {"text": "Привет, Anna", "embed": EMBED}, "text", "unreadable_script"),
        ("synthesizer", {"text": "a" * 251, "embed": EMBED}, "text", "string_too_long"),
        ("synthesizer", {"text": "Hi", "embed": EMBED, "seed": -1}, "seed", None),
        ("synthesizer", {"text": "Hi", "embed": EMBED, "seed": 2**63}, "seed", None),
        ("synthesizer", {"text": "Hi", "embed": EMBED, "seed": 0.5}, "seed", None),
        ("synthesizer", {"chars": [[35, 1]]}, "batched_embeds", "missing"),
        ("synthesizer", {"batched_embeds": [EMBED]}, "chars", "missing"),
        ("synthesizer", {"chars": [], "batched_embeds": []}, "chars", "empty"),
        ("synthesizer", {"chars": [[]], "batched_embeds": [EMBED]}, "chars", "empty"),
        (
            "synthesizer",
            {"chars": [[35], [35, 1]], "batched_embeds": [EMBED] * 2},
            "chars",
            "ragged",
        ),
        ("synthesizer", {"chars": [[35, 66]], "batched_embeds": [EMBED]}, "chars", "out_of_range"),
        ("synthesizer", {"chars": [[35, -1]], "batched_embeds": [EMBED]}, "chars", "out_of_range"),
        ("synthesizer", {"chars": [[35.0]], "batched_embeds": [EMBED]}, "chars", "wrong_type"),
        ("synthesizer", {"chars": [[2**70]], "batched_embeds": [EMBED]}, "chars", None),
        (
            "synthesizer",
            {"chars": [[1, 0]], "batched_embeds": [EMBED]},
            "chars",
            "nothing_to_speak",
        ),
        (
            "synthesizer",
            {"chars": [[35]] * 17, "batched_embeds": [EMBED] * 17},
            "chars",
            "wrong_length",
        ),
        (
            "synthesizer",
            {"chars": [[35] * 1001], "batched_embeds": [EMBED]},
            "chars",
            "wrong_length",
        ),
        ("synthesizer", {"chars": [[35]], "batched_embeds": [EMBED] * 2}, "batched_embeds", None),
        ("synthesizer", {"chars": [[35]], "batched_embeds": EMBED}, "batched_embeds", None),
        ("vocoder", {"sr": 16000}, "spec", "missing"),
        ("vocoder", {"spec": SPEC[:79]}, "spec", "wrong_length"),
        ("vocoder", {"spec": [[]] * 80}, "spec", "empty"),
        ("vocoder", {"spec": [*SPEC[:79], [0.0] * 3]}, "spec", "ragged"),
        ("vocoder", {"spec": [*SPEC[:79], 0.0]}, "spec", "wrong_type"),
        ("vocoder", {"spec": [SPEC]}, "spec", "wrong_length"),
        ("vocoder", {"spec": [*SPEC[:79], [0.0, 0.0, 0.0, 8.5]]}, "spec", "out_of_range"),
        ("vocoder", {"spec": [[0] * 4801] * 80}, "spec", "wrong_length"),
        ("vocoder", {"spec": SPEC, "sr": 7_000}, "sr", "greater_than_equal"),
        ("vocoder", {"spec": SPEC, "sr": 96_000}, "sr", "less_than_equal"),
        ("vocoder", {"spec": SPEC, "temperature": 0}, "temperature", "greater_than_equal"),
        ("vocoder", {"spec": SPEC, "temperature": "hot"}, "temperature", None),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)
def test_wrong_fields_are_named(
    service: Service, name: str, body: dict[str, Any], param: str, code: str | None
) -> None:
    error = error_of(service(name).post("/inference/", json=body), 400)
    assert error["param"] == param
    assert code in (None, error["code"])
    assert error["message"].startswith(param)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize(
    ("name", "param", "body"),
    [
        ("encoder", "wav", '{"sr": 16000, "wav": [0.5, %s, 0.5]}'),
        ("synthesizer", "embed", '{"text": "é \\"wav\\": Hello", "embed": [%s]}'),
        ("vocoder", "spec", '{"spec": [[%s, 0], [0, 0]]}'),
    ],
)
def test_non_finite_number_is_rejected_with_its_field(
    service: Service, name: str, param: str, body: str, number: str
) -> None:
    content = (body % number).encode()
    error = error_of(service(name).post("/inference/", content=content, headers=JSON), 400)
    assert error["param"] == param
    assert error["code"] == "not_finite"
    assert number in error["message"]


def refusal_while_sending(url: httpx.URL, headers: dict[str, str], total: int) -> tuple[int, Any]:
    """POST `total` bytes in pieces until a response comes. Returns bytes sent, and response."""
    piece = b" " * 2**16
    framed = b"%x\r\n%s\r\n" % (len(piece), piece)
    chunked = "Transfer-Encoding" in headers
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((url.host, url.port), timeout=30) as connection:
        connection.sendall(f"POST /inference/ HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        sent = 0
        while sent < total and not select.select([connection], [], [], 0)[0]:
            connection.sendall(framed if chunked else piece)
            sent += len(piece)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return sent, httpx.Response(response.status, content=response.read())


@pytest.mark.parametrize("filler", [b'\\"', b'"', b'"a" ', b":", b'"a":1 '])
def test_finding_the_field_of_a_bad_number_is_fast(service: Service, filler: bytes) -> None:
    """The search for the field's name among millions of quotes must not be quadratic."""
    body = b'{"a":"' + filler * (8 * MIB // len(filler)) + b'","wav": NaN}'
    answer = service("encoder").post("/inference/", content=body, headers=JSON)
    error_of(answer, 413 if b":" in filler else 400)  # colons are counted as keys


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "framing",
    [
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": str(64 * MIB)},
    ],
    ids=["chunked", "declared"],
)
def test_body_over_the_limit_is_rejected_while_it_arrives(
    service: Service, name: str, framing: dict[str, str]
) -> None:
    url = service(name).base_url
    sent, response = refusal_while_sending(url, {**JSON, **framing}, total=64 * MIB)
    error = error_of(response, 413)
    assert error["code"] == "body_too_large"
    assert str(16 * MIB) in error["message"]
    assert sent < 32 * MIB


@pytest.mark.parametrize("name", ALL)
def test_body_of_too_many_values_is_rejected_unparsed(service: Service, name: str) -> None:
    for many in (
        b"0," * 1_000_000 + b"0",
        b",".join([b"[" * 500 + b"]" * 500] * 500),  # 8 MB of them were 455 MB
        b",".join([b'{"a":' * 500 + b"0" + b"}" * 500] * 500),
        b"{" + b",".join(b'"%d":0' % n for n in range(500_000)) + b"}",
    ):
        body = b'{"wav":[' + many + b'],"sr":16000}'
        error = error_of(service(name).post("/inference/", content=body, headers=JSON), 413)
        assert error["code"] == "too_many_values"


def test_compressed_body_is_rejected(service: Service) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    error = error_of(service("vocoder").post("/inference/", content=b"x", headers=headers), 415)
    assert error["param"] == "content-encoding"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "image/png", ""]
)
def test_wrong_content_type_is_rejected(service: Service, name: str, kind: str) -> None:
    response = service(name).post("/inference/", content=b"{}", headers={"Content-Type": kind})
    error = error_of(response, 415)
    assert error["param"] == "content-type"
    assert "application/json" in error["message"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("path", ["/nothing", "/inference/x", "/%00", "/..%2f.."])
def test_unknown_path_is_not_found(service: Service, name: str, path: str) -> None:
    error = error_of(service(name).get(path), 404)
    assert error["code"] == "not_found"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("path", ["/inference/", "/inference"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_method_names_the_right_one(
    service: Service, name: str, path: str, method: str
) -> None:
    response = service(name).request(method, path)
    error = error_of(response, 405)
    assert response.headers["allow"] == "POST"
    assert "POST" in error["message"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty"),
        (b"RIFF", 415, None),
        (b"not a sound file at all" * 100, 415, None),
        (sound_file(tone(0))[:40], 415, None),
        (sound_file(tone(0)), 400, "empty"),
        (sound_file(tone(2), rate=2_000), 400, None),
        (sound_file(np.full(16_000, np.nan, np.float32), subtype="FLOAT"), 400, None),
        (sound_file(np.full(16_000, 1e9, np.float32), subtype="FLOAT"), 400, None),
        (sound_file(np.zeros((16_000, 9), np.float32)), 400, None),
        (sound_file(np.zeros(16_000, np.float32)), 400, "unusable_clip"),
        (sound_file(np.zeros(16_000 * 600, np.float32), kind="FLAC"), 400, "unusable_clip"),
    ],
    ids=[
        "empty",
        "4 bytes",
        "text",
        "cut",
        "no samples",
        "2 kHz",
        "NaN",
        "1e9",
        "9 channels",
        "silence",
        "unpacks large",
    ],
)
def test_unusable_sound_file_is_rejected(
    service: Service, content: bytes, status: int, code: str | None
) -> None:
    headers = {"Content-Type": "audio/wav"}
    response = service("encoder").post("/inference/", content=content, headers=headers)
    error = error_of(response, status)
    assert code in (None, error["code"])


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"data": {"file": "a string"}, "files": {"other": b""}}, "file"),
        ({"files": {"sound": sound_file(tone(1))}}, "file"),
        ({"files": [("file", b"1"), ("file", b"2")]}, "file"),
    ],
)
def test_form_without_a_file_is_rejected(
    service: Service, form: dict[str, Any], param: str
) -> None:
    error = error_of(service("encoder").post("/inference/", **form), 400)
    assert error["param"] == param


def test_malformed_form_is_rejected(service: Service) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    error_of(service("encoder").post("/inference/", content=b"nonsense", headers=headers), 400)
    headers = {"Content-Type": "multipart/form-data"}
    error_of(service("encoder").post("/inference/", content=b"--x", headers=headers), 400)


def test_unsupported_output_format_is_rejected(service: Service) -> None:
    headers = {"Accept": "audio/aac"}
    response = service("vocoder").post("/inference/", json={"spec": SPEC}, headers=headers)
    assert error_of(response, 400)["param"] == "accept"
    body = {"spec": SPEC, "sr": 10_000}
    response = service("vocoder").post("/inference/", json=body, headers={"Accept": "audio/mpeg"})
    assert error_of(response, 400)["param"] == "sr"
