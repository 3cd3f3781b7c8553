"""Every string of a request has a maximum length, which is checked first."""

import unicodedata
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import pytest
from starlette.testclient import TestClient

from gateway_service.jobs import routes as job_routes
from gateway_service.jobs.schemas import JobObject
from gateway_service.jobs.store import Jobs
from gateway_service.settings import Settings
from gateway_service.speech import captioned_routes, legacy_routes, verify_routes
from gateway_service.speech import routes as speech_routes
from gateway_service.storage.database import Storage
from gateway_service.voices import library as voices
from gateway_service.voices import routes as voice_routes
from gateway_service.voices.library import VoiceLibrary
from shared.http.app import create_app
from shared.services import SERVICES
from tests.support.fake_encoder import FakeEncoder
from tests.support.stub_services import stub_embed

APPS = [*SERVICES, "gateway"]
ROUTES = [speech_routes, captioned_routes, voice_routes, job_routes, legacy_routes, verify_routes]
FORM, JSON = "multipart/form-data", "application/json"
HEAVY: dict[str, Callable[[int], str]] = {
    "combining marks": lambda length: "a" + "\u0300" * (length - 1),  # quadratic to normalise
    "ligatures": lambda length: "\ufdfa" * length,  # 18 characters each, once normalised
}
VALID: dict[str, dict[str, Any]] = {
    "/v1/audio/speech": {"input": "Hello.", "voice": "rowan"},
    "/dev/captioned_speech": {"input": "Hello.", "voice": "rowan"},
    "/v1/text": {"input": "Hello."},
    "/v1/jobs": {"input": "Hello.", "voice": "rowan"},
    "/v1/audio/voices": {"name": "Anna", "consent": "Anna said yes."},
    "/v1/audio/voices/{voice}": {"name": "Anna"},
    "/inference-c/": {"text": "Hello.", "wav": [0.1], "sr": 16_000},
    "/inference-w/": {"text": "Hello.", "embed": stub_embed().tolist(), "sr": 16_000},
}


class String(NamedTuple):
    """A string of a request. place: body, query or path. name: of the field; "field.*" for the
    values of an object. most: characters; None without a limit."""

    method: str
    path: str
    place: Literal[
        "path", "query", "application/json", "multipart/form-data", "text/plain", "text/markdown"
    ]
    name: str
    most: int | None


def strings_of(document: dict[str, Any]) -> Iterator[String]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for given in operation.get("parameters", ()):
                for _, most in _strings(document, given["schema"], given["name"]):
                    yield String(method, path, given["in"], given["name"], most)
            for kind, body in operation.get("requestBody", {}).get("content", {}).items():
                for name, most in _strings(document, body["schema"], "body"):
                    yield String(method, path, kind, name, most)


def _strings(document: dict[str, Any], node: Any, name: str) -> Iterator[tuple[str, int | None]]:
    """Strings of free text; a binary one is limited as a body."""
    if not isinstance(node, dict):
        return
    if reference := node.get("$ref"):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        yield from _strings(document, target, name)
    is_free = node.get("type") == "string" and not node.keys() & {"enum", "const"}
    if is_free and node.get("format") != "binary":
        yield name, node.get("maxLength")
    yield from _strings(document, node.get("items"), name)
    yield from _strings(document, node.get("additionalProperties"), f"{name}.*")
    for kind in ("anyOf", "oneOf", "allOf"):
        for option in node.get(kind, ()):
            yield from _strings(document, option, name)
    for its_name, of_property in node.get("properties", {}).items():
        yield from _strings(document, of_property, its_name)


def document_of(app: str) -> dict[str, Any]:
    document: dict[str, Any] = import_module(f"{app}_service.app").app.openapi()
    return document


@pytest.mark.parametrize("app", APPS)
def test_every_string_has_a_limit(app: str) -> None:
    found = set(strings_of(document_of(app)))
    assert found or app in ("encoder", "vocoder")
    assert {string for string in found if string.most is None} == set()


def test_walk_finds_strings_wherever_they_stand() -> None:
    places = {string.place for string in strings_of(document_of("gateway"))}
    assert places == {"path", "query", JSON, FORM, "text/plain", "text/markdown"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    storage = Storage("", tmp_path_factory.mktemp("data"))
    gateway = SimpleNamespace(
        settings=Settings(),
        chain=FakeEncoder(),
        voices=VoiceLibrary(storage),
        jobs=Jobs(storage, max_waiting=10, retention_days=1),
        job_queue=SimpleNamespace(wake=lambda: None),
        job_object=JobObject.of,
    )
    app = create_app("gateway", "All routes.", Settings(), load=lambda: gateway)
    for module in ROUTES:
        app.include_router(module.router)
    with TestClient(app) as client:
        yield client
    storage.close()


def send(client: TestClient, string: String, value: str) -> Any:
    path, query = string.path, {}
    if string.place == "path":
        path = path.replace(f"{{{string.name}}}", value)
    if string.place == "query":
        query = {string.name: value}
    body: dict[str, Any] = {}
    if string.place.startswith("text/"):
        body = {"content": value, "headers": {"content-type": string.place}}
        query = {"voice": "rowan"}
    elif string.place == JSON:
        body = {"json": VALID[string.path] | _field(string.name, value)}
    elif string.method == "patch":
        body = {"json": VALID[string.path]}
    elif string.method == "post":
        fields = {**VALID[string.path], **({string.name: value} if string.place == FORM else {})}
        body = {"files": {name: (None, text) for name, text in fields.items()}}
        body["files"] |= {"audio_sample": ("a.wav", b"ash", "audio/wav")}
    return client.request(string.method, path, params=query, **body)


def _field(name: str, value: str) -> dict[str, Any]:
    if name == "id":
        return {"voice": {"id": value}}
    if name.endswith(".*"):
        return {name.removesuffix(".*"): {"word": value}}
    return {name: value}


@pytest.mark.parametrize("heavy", HEAVY)
def test_string_over_its_limit_is_rejected_first(
    client: TestClient, heavy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte each; in a path or query, as much as the head's limit allows."""
    normalised: list[int] = []

    def normalize(form: Any, text: str) -> str:
        normalised.append(len(text))
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(voices, "unicodedata", SimpleNamespace(normalize=normalize))
    for string in strings_of(document_of("gateway")):
        assert string.most
        if (string.path, string.place) == ("/v1/audio/voices", JSON):
            continue  # a voice's file, whose body is limited before it is parsed
        for length in (string.most + 1, 1_000_000 // 3):
            if length <= string.most or (length > 5_000 and string.place in ("path", "query")):
                continue
            answer = send(client, string, HEAVY[heavy](length))
            assert answer.status_code in (400, 413), (string, answer.text)
            error = answer.json()["error"]
            name = {"id": "voice", "body": "input"}.get(string.name, string.name)
            name = name.removesuffix(".*")
            assert error["param"] == name, string
            assert str(string.most) in error["message"], error
            assert len(answer.content) < 1_000
    assert max(normalised, default=0) <= 240


def test_name_of_a_file_has_a_limit(client: TestClient) -> None:
    sample = ("a" * 256 + ".wav", b"ash", "audio/wav")
    files: dict[str, Any] = {
        "name": (None, "Anna"),
        "consent": (None, "Yes."),
        "audio_sample": sample,
    }
    error = client.post("/v1/audio/voices", files=files).json()["error"]
    assert error["param"] == "audio_sample"
    assert "255" in error["message"]


def test_what_an_error_repeats_of_a_head_is_short(client: TestClient) -> None:
    long = "a" * 10_000
    answers = [
        client.get(f"/{long}"),
        client.put(f"/v1/models/{long}"),
        client.post("/v1/jobs", headers={"content-type": long}, content="a"),
        client.post("/v1/audio/speech", headers={"content-type": long}, content="a"),
        client.post("/v1/audio/speech", headers={"content-encoding": long}, json={}),
        client.post("/v1/audio/speech", headers={"x-request-deadline": long}, json={}),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert len(answer.content) < 1_000


def test_strings_at_the_limit_are_accepted(client: TestClient, tmp_path: Path) -> None:
    """No string is rejected at the limit itself."""
    for string in strings_of(document_of("gateway")):
        if string.name in ("voice", "id", "job_id", "after", "name") and string.place != JSON:
            assert string.most
            answer = send(client, string, "a" * string.most)
            assert "is over" not in answer.text, string
