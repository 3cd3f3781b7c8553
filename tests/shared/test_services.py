"""The table of apps, and the consequences of an entry in it."""

import ast
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from cli.processes import ServiceProcesses, free_ports
from client.settings import Settings
from shared import services
from shared.services import SERVICES, App, all_apps, installed_apps, url_settings
from shared.settings import REPOSITORY
from tests.support.fake_services import make_folder, write_service

FOURTH = App("denoiser", 4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fake apps: an encoder and a fourth service."""
    folder = make_folder(tmp_path / "repository")
    for name in ["encoder", FOURTH.name]:
        write_service(folder, name)
    return folder


def test_table_has_every_app_of_the_repository() -> None:
    packages = {path.parent.name for path in REPOSITORY.glob("*_service/app.py")}
    assert {app.package for app in all_apps().values()} == packages
    assert installed_apps(REPOSITORY) == list(all_apps())


def test_ports_of_the_apps_differ() -> None:
    ports = [app.port_offset for app in all_apps().values()]
    assert len(set(ports)) == len(ports)


def test_url_settings_are_those_of_the_documentation() -> None:
    settings = url_settings(dict.fromkeys(all_apps(), "http://x"))
    assert list(settings) == ["GATEWAY_URL", "ENCODER_URL", "SYNTHESIZER_URL", "VOCODER_URL"]


def test_client_finds_every_service_at_its_port_of_better_serve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in SERVICES:
        monkeypatch.delenv(SERVICES[name].url_setting, raising=False)
    urls = [Settings().service_url(name) for name in ("encoder", "synthesizer", "vocoder")]
    assert urls == [f"http://127.0.0.1:{port}/" for port in (8001, 8002, 8003)]


def test_installed_apps_are_those_whose_package_is_there(folder: Path) -> None:
    assert installed_apps(folder) == ["encoder"]


# A fourth service is one entry


def test_fourth_service_is_started_and_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(services.SERVICES, FOURTH.name, FOURTH)
    assert installed_apps(folder) == ["encoder", "denoiser"]

    ports = free_ports(installed_apps(folder))
    _add_to_table(folder)
    with ServiceProcesses(ports, root=folder, log=subprocess.DEVNULL) as started:
        started.wait_until_ready()
        environment = ast.literal_eval(httpx.get(started.urls["denoiser"]).text)

    assert environment["SERVICE"] == "denoiser"
    assert environment["DENOISER_URL"] == started.urls["denoiser"]


def test_address_of_a_fourth_service_is_a_setting_of_client_and_gateway() -> None:
    """In a process of its own: the settings are classes, made once."""
    script = f"""
from shared import services
services.SERVICES["denoiser"] = services.{FOURTH!r}
from client.settings import Settings as ClientSettings
from gateway_service.settings import Settings as GatewaySettings
from client.chain import Chain
print([kind().service_url("denoiser") for kind in (ClientSettings, GatewaySettings)])
Chain().close()
"""
    at_default = run_python(script)
    assert at_default == "['http://127.0.0.1:8004/', 'http://127.0.0.1:8004/']\n"
    chosen = run_python(script, DENOISER_URL="http://denoiser:8000/")
    assert chosen == "['http://denoiser:8000/', 'http://denoiser:8000/']\n"


def test_address_that_is_no_url_is_refused() -> None:
    for app in SERVICES.values():
        with pytest.raises(ValidationError, match=app.url_setting.lower()):
            Settings.model_validate({app.url_setting.lower(): "not a url"})


def run_python(script: str, **environment: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={"PATH": "", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout


def _add_to_table(folder: Path) -> None:
    """The same change as `monkeypatch`, for gunicorn's processes."""
    settings = (folder / "gunicorn.conf.py").read_text()
    entry = f"from shared import services\nservices.SERVICES['denoiser'] = services.{FOURTH!r}\n"
    marker = "from shared.http.server_settings import"
    assert marker in settings
    (folder / "gunicorn.conf.py").write_text(settings.replace(marker, f"{entry}{marker}", 1))
