"""Ray's files and its proxies' middleware, without Ray."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI, Response
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.ray.proxy import SERVICE_PREFIXES, middleware
from gateway_service.settings import Settings as GatewaySettings
from shared.services import SERVICES
from shared.settings import AppSettings
from tests.conftest import REPOSITORY
from vocoder_service.settings import Settings as VocoderSettings

CONFIG: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy/ray/serve.yaml").read_text())
APPS: dict[str, Any] = {app["name"]: app for app in CONFIG["applications"]}


def behind_proxy(app: ASGIApp, client: str = "127.0.0.1") -> httpx.AsyncClient:
    for entry in middleware():
        app = entry.cls(app, *entry.args, **entry.kwargs)
    transport = httpx.ASGITransport(app, client=(client, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://proxy")


def get(
    app: ASGIApp, path: str, client: str = "127.0.0.1", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with behind_proxy(app, client) as http:
            return await http.get(path, headers=headers)

    return asyncio.run(ask())


def answers(status: int, headers: Mapping[str, str] | None = None) -> ASGIApp:
    return PlainTextResponse("Request dropped", status, dict(headers or {}))


@pytest.mark.parametrize(
    ("status", "expected", "code"),
    [
        (404, 404, "not_found"),
        (429, 429, "queue_full"),
        (503, 503, "not_ready"),
        (408, 503, "not_ready"),
        (500, 500, "internal_error"),
    ],
)
def test_error_of_the_proxy_gets_our_form(status: int, expected: int, code: str) -> None:
    answer = get(answers(status), "/v1/models")
    assert answer.status_code == expected
    assert answer.json()["error"]["code"] == code
    assert ("retry-after" in answer.headers) == (expected in (429, 503))


def test_replica_that_dies_before_it_answers_is_a_503_to_retry() -> None:
    async def dead(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    answer = get(dead, "/v1/models")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


def test_response_of_an_app_passes_unchanged_but_for_the_second_request_id() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = Response(b'{"error": {}}', 400, {"X-Request-ID": "a"}, "application/json")
        response.raw_headers.append((b"x-request-id", b"b"))
        await response(scope, receive, send)

    answer = get(app, "/v1/models")
    assert (answer.status_code, answer.json()) == (400, {"error": {}})
    assert answer.headers.get_list("x-request-id") == ["a"]


@pytest.mark.parametrize("path", ["/encoder", "/synthesizer/inference/", "/vocoder/docs"])
@pytest.mark.parametrize("client", ["10.0.0.7", "::ffff:10.0.0.7"])
def test_services_refuse_other_machines(path: str, client: str) -> None:
    assert get(FastAPI(), path, client).json()["error"]["code"] == "forbidden"
    assert get(FastAPI(), path, "127.0.0.1").status_code == 404


def test_services_refuse_callers_that_claim_to_be_here() -> None:
    answer = get(FastAPI(), "/encoder", headers={"X-Forwarded-For": "127.0.0.1"})
    assert answer.json()["error"]["code"] == "forbidden"


def test_gateway_answers_other_machines() -> None:
    assert get(PlainTextResponse("hello"), "/encoders", "10.0.0.7").text == "hello"


def test_every_app_has_its_prefix_and_its_import_path() -> None:
    prefixes = {name: app["route_prefix"] for name, app in APPS.items()}
    services = {name: f"/{name}" for name in SERVICES}
    assert prefixes == {"gateway": "/", "worker": None, **services}
    assert set(SERVICE_PREFIXES) == {f"/{name}" for name in SERVICES}
    source = (REPOSITORY / "deploy/ray/apps.py").read_text()
    for name, app in APPS.items():
        assert app["import_path"] == f"deploy.ray.apps:{name}"
        assert re.search(rf"^{name} = ", source, re.M)


@pytest.mark.parametrize("app", ["gateway", "worker"])
def test_callers_on_ray_find_the_services_and_need_keys(app: str) -> None:
    variables = APPS[app]["runtime_env"]["env_vars"]
    port = CONFIG["http_options"]["port"]
    for name in SERVICES:
        assert variables[f"{name.upper()}_URL"] == f"http://127.0.0.1:{port}/{name}"
    assert variables["BIND_HOST"] == CONFIG["http_options"]["host"] == "0.0.0.0"
    assert {name.lower() for name in variables} <= set(GatewaySettings.model_fields)


@pytest.mark.parametrize("name", SERVICES)
def test_service_on_ray_has_no_root_path(name: str) -> None:
    """The gateway's settings, ROOT_PATH among them, stand in the environment of every node."""
    assert APPS[name]["runtime_env"]["env_vars"]["ROOT_PATH"] == ""


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_gateway_on_ray_keeps_its_root_path(name: str) -> None:
    assert "ROOT_PATH" not in APPS[name]["runtime_env"]["env_vars"]


def test_replica_refuses_by_itself_before_ray_queues() -> None:
    queue_limit = AppSettings.model_fields["queue_limit"].default
    concurrency = {"vocoder": VocoderSettings.model_fields["concurrency"].default}
    for name in [*SERVICES, "gateway"]:
        (deployment,) = APPS[name]["deployments"]
        slots = queue_limit + concurrency.get(name, 1)
        assert slots < deployment["max_ongoing_requests"]
        assert deployment["max_queued_requests"] > 0
        assert deployment["backpressure_config"]["status_code"] == 429
        bounds = deployment["autoscaling_config"]
        assert 1 <= bounds["min_replicas"] < bounds["max_replicas"]


def test_update_starts_new_replicas_before_it_stops_the_old_ones() -> None:
    for app in APPS.values():
        assert app["deployments"][0]["max_surge_percent"] > 0


def test_replicas_drain_as_long_as_gunicorn_does() -> None:
    config = (REPOSITORY / "gunicorn.conf.py").read_text()
    (graceful,) = re.findall(r"^graceful_timeout = (\d+)", config, re.M)
    for app in APPS.values():
        assert app["deployments"][0]["graceful_shutdown_timeout_s"] == int(graceful)
