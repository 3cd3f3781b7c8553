"""The typed state of an app, and the dependencies that read it."""

from fastapi import Depends
from starlette.testclient import TestClient

from shared.http.app import create_app
from shared.http.app_state import AppState, get_model, get_slot, state_of
from shared.settings import AppSettings


def test_state_has_the_settings_and_no_model_before_the_start() -> None:
    settings = AppSettings(queue_limit=3)
    app = create_app("gateway", "A test.", settings, load=lambda: "model")

    state = state_of(app)

    assert isinstance(state, AppState)
    assert (state.settings, state.model, state.ready) == (settings, None, False)


def test_dependencies_give_the_loaded_model_and_the_slot() -> None:
    app = create_app("gateway", "A test.", AppSettings(), load=lambda: "model")

    @app.get("/model")
    async def model(
        found: str = Depends(get_model), slot: object = Depends(get_slot)
    ) -> list[bool]:
        return [found == "model", slot is state_of(app).slot, state_of(app).ready]

    with TestClient(app) as client:
        assert client.get("/model").json() == [True, True, True]
    assert not state_of(app).ready
