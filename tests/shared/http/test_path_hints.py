import pytest
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from shared.http.path_hints import suggested_path
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.mount("/static", StaticFiles(directory=REPOSITORY / "docs"))

    @app.post("/v1/audio/speech")
    @app.get("/v1/models/{name}")
    @app.post("/inference/")
    def route() -> None:
        pass

    return app


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ("/audio/speech", "/v1/audio/speech"),
        ("/v1/v1/audio/speech", "/v1/audio/speech"),
        ("//v1///audio/speech", "/v1/audio/speech"),
        ("/openai/v1/audio/speech", "/v1/audio/speech"),
        ("/api/v1/models/tts-1", "/v1/models/tts-1"),
        ("/v1/inference", "/inference"),
        ("/V1/Audio/Speech", "/v1/audio/speech"),
        ("/v1/audio/speach", "/v1/audio/speech"),
        ("/v1/speech", "/v1/audio/speech"),
        ("/v1/chat/completions", None),
        ("/nope", None),
        ("/", None),
        ("/static/nope", None),
        ("/audio/speech" + "/x" * 200, None),
    ],
)
@pytest.mark.parametrize("root_path", ["", "/tts"])
def test_path_close_to_a_route_is_suggested(
    app: FastAPI, asked: str, right: str | None, root_path: str
) -> None:
    scope = {"type": "http", "method": "GET", "path": root_path + asked, "root_path": root_path}
    assert suggested_path(app.router.routes, {**scope, "headers": []}) == right
