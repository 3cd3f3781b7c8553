from collections.abc import Callable, Mapping

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from shared.http.errors import ApiError
from shared.http.forms import open_form

HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.fixture(scope="module")
def refusal() -> Callable[..., tuple[str, str | None]]:
    """The error of a form; the limits are two files and two texts of 10 bytes."""
    app = FastAPI()

    @app.post("/")
    async def read(request: Request) -> list[str | None]:
        try:
            async with open_form(request, "clip", files=2, fields=2, text_bytes=10):
                return []
        except ApiError as error:
            return [error.message, error.param]

    client = TestClient(app)

    def send(body: bytes, headers: Mapping[str, str] = HEADERS) -> tuple[str, str | None]:
        message, param = client.post("/", content=body, headers=headers).json()
        return message, param

    return send


def part(head: bytes, value: bytes = b"a") -> bytes:
    return b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + value + b"\r\n"


FILE, TEXT = part(b'name="clip"; filename="a.wav"'), part(b'name="text"')


@pytest.mark.parametrize(
    ("parts", "param", "message"),
    [
        (FILE * 3, "clip", "clip: the form has over 2 files, the limit; send fewer"),
        (TEXT * 3, "body", "the form has over 2 fields besides its files, the limit; send"),
        (
            part(b'name="text"', b"a" * 11),
            "body",
            "a field of the form is over 10 bytes, the limit",
        ),
        (part(b'nome="text"'), "body", "the form cannot be read ("),
    ],
    ids=["files", "fields", "size", "nameless"],
)
def test_form_over_a_limit_is_rejected_with_field_and_limit(
    refusal: Callable[..., tuple[str, str | None]], parts: bytes, param: str, message: str
) -> None:
    said, named = refusal(parts + b"--x--\r\n")
    assert said.startswith(message)
    assert named == param


def test_form_without_a_boundary_gets_the_remedy(
    refusal: Callable[..., tuple[str, str | None]],
) -> None:
    said, _ = refusal(FILE, {"Content-Type": "multipart/form-data"})
    assert "send multipart/form-data with its boundary" in said


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "undefined", "unicode_escape", "a\\\0b"])
def test_form_in_another_charset_is_rejected_undecoded(
    refusal: Callable[..., tuple[str, str | None]], charset: str
) -> None:
    body = part(b'name="text"', b"+2AA-") + b"--x--\r\n"
    said, named = refusal(body, {"Content-Type": f"{HEADERS['Content-Type']}; charset={charset}"})
    assert said.startswith("the form's charset is ")
    assert named == "content-type"


def test_form_with_charset_utf8_is_read(refusal: Callable[..., tuple[str, str | None]]) -> None:
    headers = {"Content-Type": f"{HEADERS['Content-Type']}; charset=UTF-8"}
    said, _ = refusal(part(b'nome="text"'), headers)
    assert said.startswith("the form cannot be read (")
