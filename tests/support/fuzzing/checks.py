"""What schemathesis checks of every answer besides its own checks."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

AnyCase = Case[Any]

REFUSED_FOR_ITS_MEANING = {
    "clip_too_long",
    "empty",
    "invalid_lexicon",
    "invalid_markup",
    "invalid_name",
    "invalid_value",
    "job_not_found",
    "missing",
    "model_not_found",
    "nothing_to_speak",
    "not_text",
    "preset_voice",
    "ragged",
    "speech_failed",
    "text_too_long",
    "unreadable_script",
    "unsupported_media_type",
    "unusable_clip",
    "unusable_samples",
    "voice_exists",
    "voice_not_found",
}
"""Codes of what a JSON schema cannot say; all else that a schema allows must be taken."""
TAKEN_FOR_AN_INTEGER = {"int_type", "wrong_type"}
"""Of 3.0, which is an integer to JSON Schema and none to us."""


@schemathesis.check
def error_has_our_form(context: CheckContext, response: Response, case: AnyCase) -> None:
    """Of every path and method, of those that the document does not list too."""
    if response.status_code < 400:
        return
    body = response.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) == {"type", "message", "param", "code"}, body
    assert "Traceback" not in response.text
    assert response.headers.get("x-request-id"), "an error without the id of its request"


@schemathesis.check
def valid_data_refused_for_its_meaning(
    context: CheckContext, response: Response, case: AnyCase
) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code in (400, 404, 413, 415):
        code = response.json()["error"]["code"]
        allowed = REFUSED_FOR_ITS_MEANING | TAKEN_FOR_AN_INTEGER
        assert code in allowed, f"{code} for data that the schema allows"
