"""Limits of path parameters; tests/system/test_string_limits.py covers every string of the API."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from gateway_service.settings import Settings
from gateway_service.string_limits import (
    MAX_ID_CHARACTERS,
    MAX_MODEL_CHARACTERS,
    MAX_VOICE_CHARACTERS,
    JobId,
    ModelPath,
    VoicePath,
)
from shared.http.app import create_app


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app("gateway", "Path parameters.", Settings(), load=lambda: None)

    @app.get("/jobs/{job_id}")
    async def get_job(job_id: JobId) -> int:
        return len(job_id)

    @app.get("/models/{model}")
    async def get_model(model: ModelPath) -> int:
        return len(model)

    @app.get("/voices/{voice}")
    async def get_voice(voice: VoicePath) -> int:
        return len(voice)

    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "param", "limit"),
    [
        ("/jobs", "job_id", MAX_ID_CHARACTERS),
        ("/models", "model", MAX_MODEL_CHARACTERS),
        ("/voices", "voice", MAX_VOICE_CHARACTERS),
    ],
)
def test_path_parameter_over_its_limit_is_rejected(
    client: TestClient, path: str, param: str, limit: int
) -> None:
    assert client.get(f"{path}/{'a' * limit}").json() == limit

    response = client.get(f"{path}/{'a' * (limit + 1)}")

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert str(limit) in response.json()["error"]["message"]
