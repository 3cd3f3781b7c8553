"""The app factory: settings are read where an app is built."""

from typing import Any

import pytest
from fastapi import FastAPI

import vocoder_service.app
from shared.http.app import app_on_demand
from shared.http.app_state import AppState, state_of
from vocoder_service.settings import Settings


def max_frames(app: FastAPI) -> Any:
    schemas = app.openapi()["components"]["schemas"]
    return schemas["SpecRequest"]["properties"]["spec"]["items"]["maxItems"]


def test_apps_of_one_process_have_their_own_settings() -> None:
    small, large = (
        vocoder_service.app.build_app(Settings(max_frames=frames)) for frames in (10, 20)
    )
    assert (max_frames(small), max_frames(large)) == (10, 20)
    assert isinstance(small.state, AppState)
    assert state_of(small).slot is not state_of(large).slot


def test_invalid_setting_ends_the_build(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAX_FRAMES", "many")
    with pytest.raises(SystemExit, match="MAX_FRAMES: "):
        vocoder_service.app.build_app()


def test_module_builds_its_app_when_asked() -> None:
    assert vocoder_service.app.app is vocoder_service.app.app
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        app_on_demand(vocoder_service.app.build_app)("nothing")
