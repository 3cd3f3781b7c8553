"""A voice as a file: exported from one library, imported into another."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from gateway_service.settings import Settings
from gateway_service.storage.database import Storage
from gateway_service.voices import routes as voice_routes
from gateway_service.voices.export import MAX_FILE_BYTES, VoiceFile
from gateway_service.voices.library import VoiceLibrary
from shared.http.app import create_app
from shared.voices import sample_embeds
from tests.support.fake_encoder import WEIGHTS, FakeEncoder

URL = "/v1/audio/voices"
FORM = {"name": "Anna", "consent": "Anna said yes."}
ASH = ("audio_sample", ("ash.wav", b"ash", "audio/wav"))


@pytest.fixture
def client(storage: Storage) -> Iterator[TestClient]:
    settings = Settings()
    gateway = SimpleNamespace(settings=settings, chain=FakeEncoder(), voices=VoiceLibrary(storage))
    app = create_app("gateway", "Voices.", settings, load=lambda: gateway)
    app.include_router(voice_routes.router)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def exported(client: TestClient) -> dict[str, Any]:
    """The file of a voice that the library then forgets."""
    made = client.post(URL, data=FORM, files=[ASH]).json()
    file: dict[str, Any] = client.get(f"{URL}/Anna/file").json()
    client.delete(f"{URL}/{made['id']}")
    return file


def error_of(answer: Any, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def test_file_holds_embedding_consent_provenance_and_the_hash_of_the_encoder(
    client: TestClient,
) -> None:
    made = client.post(URL, data=FORM, files=[ASH]).json()
    answer = client.get(f"{URL}/{made['id']}/file")

    assert answer.headers["content-disposition"] == f'attachment; filename="{made["id"]}.json"'
    file = answer.json()
    np.testing.assert_allclose(file["embedding"], sample_embeds()["ash"], rtol=1e-6)
    assert (file["name"], file["consent"]) == ("Anna", "Anna said yes.")
    assert file["encoder_sha256"] == WEIGHTS
    assert file["provenance"] == {"created_at": made["created_at"], "samples": made["samples"]}
    assert VoiceFile.model_validate(file).name == "Anna"


def test_imported_voice_is_the_one_that_was_exported(
    client: TestClient, exported: dict[str, Any]
) -> None:
    imported = client.post(URL, json=exported)

    assert imported.status_code == 200, imported.text
    assert imported.json()["consent"] == "Anna said yes."
    assert imported.json()["created_at"] == exported["provenance"]["created_at"]
    assert client.get(f"{URL}/Anna/file").json() == exported


def test_file_can_be_imported_under_another_name(
    client: TestClient, exported: dict[str, Any]
) -> None:
    client.post(URL, json=exported)
    assert error_of(client.post(URL, json=exported))["code"] == "voice_exists"
    assert client.post(URL, json={**exported, "name": "Anna 2"}).json()["name"] == "Anna 2"


def test_preset_is_exported_with_a_consent_that_lets_it_be_imported(client: TestClient) -> None:
    file = client.get(f"{URL}/birch/file").json()
    assert error_of(client.post(URL, json=file))["code"] == "voice_exists"
    made = client.post(URL, json={**file, "name": "My birch"}).json()
    assert not made["preset"]
    assert made["created_at"] > 0


def test_name_embedding_and_consent_are_enough(client: TestClient) -> None:
    embed = sample_embeds()["elm"].tolist()
    body = {"name": "Elm 2", "embedding": embed, "consent": "A preset under another name."}
    made = client.post(URL, json=body)
    assert made.status_code == 200, made.text
    assert made.json()["samples"] == []


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"embedding": [0.1] * 255}, "embedding"),
        ({"embedding": [0.1] * 256}, "embedding"),  # of length 1.6
        ({"embedding": ["a"] * 256}, "embedding"),
        ({"embedding": None}, "embedding"),
        ({"consent": ""}, "consent"),
        ({"consent": "..."}, "consent"),
        ({"consent": "x" * 2001}, "consent"),
        ({"name": ""}, "name"),
        ({"name": "x" * 241}, "name"),
        ({"name": "a/b"}, "name"),
        ({"encoder_sha256": "abc"}, "encoder_sha256"),
        ({"object": "audio.voice"}, "object"),
        ({"provenance": {"created_at": -1}}, "provenance"),
        ({"provenance": {"samples": [{"file": "a.wav"}]}}, "provenance"),
    ],
)
def test_file_that_is_no_voice_is_refused_by_field(
    client: TestClient, exported: dict[str, Any], changed: dict[str, Any], param: str
) -> None:
    error = error_of(client.post(URL, json={**exported, **changed}))
    assert error["param"] == param
    assert len(client.get(URL).json()["voices"]) == 6


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"Anna"'])
def test_body_that_is_no_voice_file_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post(URL, content=body, headers={"content-type": "application/json"})
    assert error_of(answer)["message"]


def test_file_that_is_too_large_is_refused(client: TestClient, exported: dict[str, Any]) -> None:
    padded = {**exported, "padding": "x" * MAX_FILE_BYTES}
    assert error_of(client.post(URL, json=padded), 413)["code"] == "voice_file_too_large"


def test_file_of_an_unknown_voice_is_not_found(client: TestClient) -> None:
    assert error_of(client.get(f"{URL}/nobody/file"), 404)["code"] == "voice_not_found"


def test_form_and_file_are_both_documented(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    kinds = document["paths"][URL]["post"]["requestBody"]["content"]
    assert set(kinds) == {"multipart/form-data", "application/json"}
    name = kinds["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert "embedding" in document["components"]["schemas"][name]["properties"]
