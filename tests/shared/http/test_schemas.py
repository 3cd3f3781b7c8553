"""Limits of a deployment on request models."""

from typing import Annotated

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import Field, ValidationError

from shared.http.schemas import Limits, RequestModel, with_limits


class Request(RequestModel):
    text: str = "Hello."
    """The text to speak."""
    seed: int | None = None
    """Any number."""


SHORT = Annotated[str, Field(max_length=5)]


def test_limited_model_rejects_what_the_model_accepts() -> None:
    limited = with_limits(Request, text=SHORT)
    assert Request(text="too long").text == "too long"
    assert isinstance(limited(text="short"), Request)
    with pytest.raises(ValidationError, match="at most 5 characters"):
        limited(text="too long")


def test_limited_field_keeps_default_and_description() -> None:
    limited = with_limits(Request, text=SHORT)
    assert limited().text == "Hello."
    fields = limited.model_json_schema()["properties"]
    assert fields["text"]["description"] == "The text to speak."
    assert fields["text"]["maxLength"] == 5
    assert fields["seed"]["description"] == "Any number."


def test_routes_with_the_same_limits_share_a_schema() -> None:
    app, limits = FastAPI(), Limits(text=SHORT)

    @app.post("/one")
    @app.post("/two")
    def speak(request: Annotated[Request, limits]) -> str:
        return request.text

    assert [name for name in app.openapi()["components"]["schemas"] if "Request" in name] == [
        "Request"
    ]
    client = TestClient(app)
    assert client.post("/one", json={"text": "short"}).json() == "short"
    assert client.post("/two", json={"text": "too long"}).status_code == 422
