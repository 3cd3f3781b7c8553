"""The browser guard, in an app and in the real services."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from shared.http.admission import ComputeSlot
from shared.http.app import create_app
from shared.settings import ServiceSettings
from tests.conftest import Service

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:

        def make(**settings: Any) -> httpx.AsyncClient:
            app = create_app("encoder", "", ServiceSettings(**settings), load=lambda: None)
            app.state.ready, app.state.slot = True, ComputeSlot(1, 1.0)  # the lifespan does not run
            app.post("/inference/")(lambda: 200)
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
            stack.push_async_callback(client.aclose)
            return client

        yield make


async def answer(client: httpx.AsyncClient, path: str = "/inference/", **headers: str) -> Any:
    method = "POST" if path == "/inference/" else "GET"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, path, headers=named)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8001",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.",
        "[::1",
        "",
        "my-app.herokuapp.com",
    ],
)
@pytest.mark.parametrize("path", ["/inference/", "/metrics"])
async def test_registrable_host_name_is_rejected(client: Client, host: str, path: str) -> None:
    refused = await answer(client(), path, Host=host)
    assert refused.status_code == 403
    error = refused.json()["error"]
    assert (error["param"], error["code"]) == ("host", "forbidden")
    assert "ALLOWED_HOSTS" in error["message"]


@pytest.mark.parametrize(
    "host",
    ["localhost:8001", "127.0.0.1:8001", "[::1]:8001", "10.0.0.7", "encoder:8000", "ENCODER"],
)
async def test_unregistrable_host_name_is_served(client: Client, host: str) -> None:
    assert (await answer(client(), Host=host)).status_code == 200


async def test_allowed_host_name_is_served(client: Client) -> None:
    listed = client(allowed_hosts="tts.example.org, .svc.cluster.local")
    for host in ("TTS.example.org", "encoder.better.svc.cluster.local:8000"):
        assert (await answer(listed, Host=host)).status_code == 200
    for host in ("example.org", "svc.cluster.local.evil.example", "xsvc.cluster.local"):
        assert (await answer(listed, Host=host)).status_code == 403


def test_invalid_host_name_is_a_settings_error() -> None:
    with pytest.raises(ValidationError, match=r"is not a host name"):
        ServiceSettings(allowed_hosts="https://tts.example.org")  # type: ignore[arg-type]


async def test_every_host_name_is_served_on_a_dyno(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNO", "web.1")
    on_heroku = client()
    name = "my-encoder-0123456789ab.herokuapp.com"
    assert (await answer(on_heroku, Host=name)).status_code == 200
    assert (await answer(on_heroku, Host=name, Origin=f"https://{name}")).status_code == 200
    assert (await answer(on_heroku, Host=name, Origin="https://evil.example")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example", "Content_Type": "application/x-www-form-urlencoded"},
    ],
)
async def test_page_of_another_site_is_rejected(client: Client, headers: dict[str, str]) -> None:
    refused = await answer(client(), **headers)
    assert refused.status_code == 403
    assert refused.json()["error"]["param"] == "origin"


async def test_own_page_is_served(client: Client) -> None:
    headers = {"Origin": "http://localhost", "Sec_Fetch_Site": "same-origin"}
    assert (await answer(client(), **headers)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/check", "/docs", "/openapi.json", "/health/ready"])
async def test_open_paths_are_served_by_every_host_name(client: Client, path: str) -> None:
    app = client()
    headers = {"Host": "evil.example", "Origin": "https://evil.example"}
    assert (await answer(app, path, **headers)).status_code in (200, 404)  # it has no page


async def test_openapi_document_has_the_403(client: Client) -> None:
    paths = (await answer(client(), "/openapi.json")).json()["paths"]
    assert "403" in paths["/inference/"]["post"]["responses"]
    assert "403" in paths["/metrics"]["get"]["responses"]
    assert "403" not in paths["/check"]["get"]["responses"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("encoder", "/inference/"),
        ("encoder", "/preprocess/"),
        ("synthesizer", "/inference/"),
        ("synthesizer", "/chars/"),
        ("vocoder", "/inference/"),
        ("synthesizer", "/metrics"),
    ],
)
def test_services_reject_a_rebound_name_and_a_foreign_form(
    service: Service, name: str, path: str
) -> None:
    method = "GET" if path == "/metrics" else "POST"
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        refused = service(name).request(method, path, headers=headers)
        assert refused.status_code == 403
    form = {"file": ("clip.wav", b"RIFF", "audio/wav")}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert service(name).request(method, path, files=form, headers=headers).status_code == 403


async def test_probe_below_a_path_prefix_is_served_by_any_name() -> None:
    app = create_app("encoder", "", ServiceSettings(), load=lambda: None)
    app.state.ready = True  # the lifespan does not run
    transport = httpx.ASGITransport(app, root_path="/encoder")
    async with httpx.AsyncClient(transport=transport, base_url="http://tts.example.org") as client:
        probed = await client.get("/encoder/health/live")
        other = await client.get("/encoder/metrics")
    assert (probed.status_code, probed.json()) == (200, {"status": "live"})
    assert other.status_code == 403
