"""Error handlers: messages of validation errors, 404 and 405."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel

from gateway_service.jobs import routes as job_routes
from gateway_service.settings import Settings
from shared.http.app import create_app

pytestmark = pytest.mark.anyio


class Body(BaseModel):
    seeds: dict[str, int | None]


@pytest.fixture
def app() -> FastAPI:
    app = create_app("gateway", "", Settings(), load=lambda: None)
    app.state.ready, app.state.model = True, SimpleNamespace(settings=Settings())
    app.include_router(job_routes.router)

    @app.get("/query")
    def query(
        n: int = 0,
        least: Annotated[int, Query(ge=1)] = 1,
        either: Annotated[int, Query(ge=1)] | None = None,
        share: float | None = None,
        yes: bool | None = None,
        several: Annotated[list[int] | None, Query()] = None,
    ) -> None:
        pass

    @app.post("/body")
    def body(body: Body) -> None:
        pass

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def error_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize("given", ["1e3", "1.5", "x", "", "9" * 5_000, "0x10"])
@pytest.mark.parametrize("field", ["n", "least", "either", "several"])
async def test_non_integer_is_reported_as_such(
    client: httpx.AsyncClient, field: str, given: str
) -> None:
    error = error_of(await client.get("/query", params={field: given}))
    assert error["param"] == field
    assert error["message"].startswith(f"{field}: must be a whole number")


@pytest.mark.parametrize(
    ("field", "wanted"), [("share", "must be a number"), ("yes", "must be true or false")]
)
async def test_wrong_type_is_reported_as_such(
    client: httpx.AsyncClient, field: str, wanted: str
) -> None:
    error = error_of(await client.get("/query", params={field: "much"}))
    assert error["param"] == field
    assert error["message"].startswith(f"{field}: {wanted}")


@pytest.mark.parametrize(
    ("field", "given", "wanted"),
    [("seed", "1e3", "must be a whole number"), ("speed", "fast", "must be a number")],
)
@pytest.mark.parametrize("place", ["query", "form"])
async def test_job_in_query_or_form_names_the_field(
    client: httpx.AsyncClient, place: str, field: str, given: str, wanted: str
) -> None:
    job = {"voice": "ash", field: given}
    if place == "query":
        answer = await client.post(
            "/v1/jobs", params=job, content=b"Hi.", headers={"Content-Type": "text/plain"}
        )
    else:
        answer = await client.post("/v1/jobs", data=job, files={"file": ("a.txt", b"Hi.")})
    error = error_of(answer)
    assert error["param"] == field
    assert error["message"].startswith(f"{field}: {wanted}")


async def test_error_inside_an_object_names_the_field(client: httpx.AsyncClient) -> None:
    error = error_of(await client.post("/body", json={"seeds": {"first": "1e3"}}))
    assert error["param"] == "seeds"
    assert error["message"].startswith("seeds: must be a whole number")


@pytest.mark.parametrize(
    ("path", "remedy"),
    [("/nope", "see /docs."), ("/docs/nope", "docs/api.md"), ("/static-docs/no.js", "docs/api.md")],
)
async def test_unknown_route_names_the_path_and_a_page_that_helps(
    client: httpx.AsyncClient, path: str, remedy: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    message = answer.json()["error"]["message"]
    assert message.startswith(f"No route {path}; ")
    assert remedy in message
    assert ("see /docs" in message) == (path == "/nope")
