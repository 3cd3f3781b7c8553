"""Access control, on an app with the gateway's middleware and stub routes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import openai
import pytest
from fastapi import FastAPI, Request

from gateway_service.access.middleware import access_middleware
from gateway_service.settings import Settings
from shared.http.admission import ComputeSlot
from shared.http.app import create_app

KEYS: dict[str, Any] = {"api_keys": "sk-first,sk-second", "bind_host": "0.0.0.0"}
FIRST = {"Authorization": "Bearer sk-first"}
SITE = "https://site.example"

pytestmark = pytest.mark.anyio
Client = Callable[..., httpx.AsyncClient]


def app_with(settings: Settings) -> FastAPI:
    middleware = access_middleware(settings)
    app = create_app("gateway", "", settings, load=lambda: None, middleware=middleware)
    app.state.ready, app.state.slot = True, ComputeSlot(1, 1.0)  # without a lifespan

    @app.get("/")
    @app.get("/static/{path}")
    @app.get("/v1/audio/voices")
    @app.get("/v1/audio/voices/{name}")
    @app.get("/v1/models/{name}")
    @app.delete("/v1/audio/voices/{name}")
    @app.post("/v1/audio/voices")
    @app.post("/v1/audio/speech")
    @app.post("/inference-c/")
    @app.post("/inference-w/")
    async def route(request: Request) -> int:
        return len(await request.body())

    return app


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:

        def make(**settings: Any) -> httpx.AsyncClient:
            app = app_with(Settings(**settings))
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://localhost"
            )
            stack.push_async_callback(client.aclose)
            return client

        yield make


async def status(client: httpx.AsyncClient, method: str, path: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await client.request(method, path, headers=named)).status_code


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/static/page.js",
        "/check",
        "/health/live",
        "/docs",
        "/openapi.json",
        "/v1/audio/voices",
        "/v1/audio/voices/",
    ],
)
async def test_open_path_needs_no_key(client: Client, path: str) -> None:
    assert await status(client(**KEYS), "GET", path) == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/speech/"),
        ("POST", "/v1/audio/voices"),
        ("GET", "/v1/audio/voices/ash"),
        ("DELETE", "/v1/audio/voices/ash"),
        ("GET", "/v1/models/tts-1"),
        ("POST", "/inference-c/"),
        ("POST", "/inference-w"),
        ("GET", "/metrics"),
    ],
)
async def test_other_paths_need_a_key(client: Client, method: str, path: str) -> None:
    guarded = client(**KEYS)
    assert await status(guarded, method, path) == 401
    assert await status(guarded, method, path, Authorization="Bearer sk-second") == 200


@pytest.mark.parametrize("path", ["/nope", "//v1/audio/voices", "/static", "/health/../metrics"])
async def test_unknown_path_needs_a_key(client: Client, path: str) -> None:
    assert await status(client(**KEYS), "GET", path) == 401


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Bearer ", "Bearer sk-third", "Basic sk-first", "sk-first", "Bearer sk-first,"],
)
async def test_wrong_key_gets_401_in_the_error_format(client: Client, sent: str) -> None:
    answer = await client(**KEYS).post("/v1/audio/speech", headers={"Authorization": sent})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert "sk-" not in answer.text


async def test_scheme_is_case_insensitive(client: Client) -> None:
    assert await status(client(**KEYS), "GET", "/metrics", Authorization="bearer sk-first") == 200


async def test_body_is_not_read_without_a_valid_key(client: Client) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"x"

    answer = await client(**KEYS).post("/v1/audio/speech", content=body())
    assert answer.status_code == 401
    assert not read


async def test_gateway_without_keys_is_open(client: Client) -> None:
    assert await status(client(), "POST", "/v1/audio/speech") == 200


async def test_openai_client_raises_its_authentication_error(client: Client) -> None:
    http_client: Any = client(**KEYS)
    speaker = openai.AsyncOpenAI(
        base_url="http://localhost/v1", api_key="sk-wrong", http_client=http_client
    )
    with pytest.raises(openai.AuthenticationError) as refused:
        await speaker.audio.speech.create(model="tts-1", voice="ash", input="Hi.")
    assert refused.value.code == "invalid_api_key"
    assert refused.value.request_id == refused.value.response.headers["x-request-id"]


# Pages of other sites


async def test_page_of_another_site_is_rejected_by_a_gateway_without_keys(client: Client) -> None:
    anonymous = client()
    for site in ("cross-site", "same-site"):
        answer = await anonymous.post(
            "/v1/audio/speech", headers={"Sec-Fetch-Site": site, "Origin": SITE}
        )
        assert answer.status_code == 403
        assert "CORS_ORIGINS" in answer.json()["error"]["message"]
    for site in ("same-origin", "none"):
        assert await status(anonymous, "POST", "/v1/audio/speech", Sec_Fetch_Site=site) == 200
    assert await status(anonymous, "GET", "/", Sec_Fetch_Site="cross-site") == 200  # a link


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null", ""])
async def test_foreign_origin_is_rejected_without_fetch_metadata(
    client: Client, origin: str
) -> None:
    assert await status(client(), "POST", "/v1/audio/speech", Origin=origin) == 403
    assert await status(client(**KEYS), "POST", "/v1/audio/speech", **FIRST, Origin=origin) == 200


async def test_own_and_listed_origins_are_allowed(client: Client) -> None:
    listed = client(cors_origins=SITE)
    for origin in ("http://localhost", "https://localhost", SITE):
        assert await status(listed, "POST", "/v1/audio/speech", Origin=origin) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "[::1", ""]
)
async def test_unlisted_host_name_is_rejected(client: Client, host: str) -> None:
    own_page = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    answer = await client().post("/v1/audio/speech", headers=own_page)
    assert answer.status_code == 403
    assert "ALLOWED_HOSTS" in answer.json()["error"]["message"]
    assert await status(client(), "GET", "/health/ready", Host=host) == 200
    assert await status(client(**KEYS), "POST", "/v1/audio/speech", **FIRST, Host=host) == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8000", "127.0.0.1:8000", "[::1]:8000", "192.168.0.7:80"]
)
async def test_localhost_and_addresses_are_allowed(client: Client, host: str) -> None:
    assert await status(client(), "POST", "/v1/audio/speech", Host=host) == 200


async def test_listed_host_name_is_allowed(client: Client) -> None:
    listed = client(allowed_hosts="gateway, tts.example.org")
    for host in ("gateway:8000", "TTS.example.org"):
        assert await status(listed, "POST", "/v1/audio/speech", Host=host) == 200
    assert await status(listed, "POST", "/v1/audio/speech", Host="example.org") == 403


async def test_page_of_a_listed_site_is_allowed(client: Client) -> None:
    listed = client(cors_origins=SITE)
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": SITE}
    answer = await listed.post("/v1/audio/speech", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SITE


async def test_no_site_is_listed_by_default(client: Client) -> None:
    answer = await client(**KEYS).post("/v1/audio/speech", headers=FIRST | {"Origin": SITE})
    assert not [name for name in answer.headers if name.startswith("access-control")]


PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
}


async def test_preflight_needs_no_key(client: Client) -> None:
    listed = client(**KEYS, cors_origins=SITE)
    answer = await listed.options("/v1/audio/speech", headers={"Origin": SITE, **PREFLIGHT})
    assert answer.status_code == 200
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_preflight_of_an_unlisted_site_is_rejected(client: Client) -> None:
    listed = client(**KEYS, cors_origins=SITE)
    answer = await listed.options(
        "/v1/audio/speech", headers={"Origin": "https://other.example", **PREFLIGHT}
    )
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "origin")
    assert "https://other.example" in error["message"]
    assert "CORS_ORIGINS" in error["message"]


async def test_preflight_of_another_method_is_refused_with_those_that_may(client: Client) -> None:
    listed = client(**KEYS, cors_origins=SITE)
    asked = {**PREFLIGHT, "Access-Control-Request-Method": "PUT"}
    answer = await listed.options("/v1/audio/speech", headers={"Origin": SITE, **asked})
    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "use GET, POST, PATCH, DELETE" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "tts.example.org"},
        {"Host": "127.0.0.1:8000", "Origin": "https://tts.example.org"},
    ],
)
async def test_refusal_behind_a_proxy_names_the_header_and_the_line_of_nginx(
    client: Client, headers: dict[str, str]
) -> None:
    answer = await client().post("/v1/audio/speech", headers=headers)
    assert answer.status_code == 403
    message = answer.json()["error"]["message"]
    assert "Host header" in message
    assert "proxy_set_header Host $host;" in message


async def test_list_of_models_for_open_webui_needs_no_key(client: Client) -> None:
    assert (await client(**KEYS).get("/v1/audio/models")).status_code == 404  # not 401


async def test_error_is_readable_by_a_listed_site(client: Client) -> None:
    listed = client(**KEYS, cors_origins=SITE)
    answer = await listed.post("/v1/audio/speech", headers={"Origin": SITE})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
