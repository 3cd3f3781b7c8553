"""Server settings of an app, from the environment."""

import os

import pytest

from shared.http.server_settings import ServerSettings, read_server_settings
from shared.settings import REPOSITORY


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ServerSettings:
    for name in ("SERVICE", "PORT", "BIND_HOST", "WORKERS"):
        monkeypatch.setenv(name, "")  # so that what `read_server_settings` sets is undone too
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_server_settings(REPOSITORY)


def test_defaults_are_those_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, SERVICE="vocoder")
    assert settings == ServerSettings("vocoder", "0.0.0.0", 8000, 1)
    assert settings.app == "vocoder_service.app:app"


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SERVICE": "gateway", "PORT": "9000", "BIND_HOST": "::1", "WORKERS": "4"}
    assert read(monkeypatch, **given) == ServerSettings("gateway", "::1", 9000, 4)


def test_app_learns_the_address_it_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    read(monkeypatch, SERVICE="gateway", BIND_HOST="")
    assert os.environ["BIND_HOST"] == "0.0.0.0"


def test_number_of_processes_of_the_platform_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, SERVICE="encoder", WEB_CONCURRENCY="8").workers == 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "SERVICE is ''; set it to one of gateway, encoder, synthesizer, vocoder"),
        ({"SERVICE": "tts"}, "SERVICE is 'tts'"),
        ({"SERVICE": "encoder", "PORT": "http"}, "PORT is 'http'; set it to a number from 1 to"),
        ({"SERVICE": "encoder", "PORT": "65536"}, "PORT is '65536'"),
        ({"SERVICE": "encoder", "PORT": "٣"}, "PORT is"),
        ({"SERVICE": "encoder", "WORKERS": "0"}, "WORKERS is '0'"),
    ],
)
def test_unusable_setting_ends_the_start_with_its_name(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=message):
        read(monkeypatch, **variables)
