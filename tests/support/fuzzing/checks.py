"""Our checks of every response, which schemathesis runs besides its own."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

AnyCase = Case[Any]

SEMANTIC_ERRORS = {
    "clip_too_long",
    "empty",
    "chapter_not_found",
    "invalid_blend",
    "invalid_book",
    "invalid_lexicon",
    "invalid_markup",
    "invalid_name",
    "invalid_value",
    "invalid_voices",
    "protected_book",
    "job_not_found",
    "missing",
    "model_not_found",
    "nothing_to_speak",
    "not_text",
    "out_of_range",
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
"""Codes for conditions that JSON Schema cannot express. All other valid requests are accepted."""
INTEGER_ERRORS = {"int_type", "wrong_type"}
"""For 3.0, which is an integer in JSON Schema but not here."""


@schemathesis.hook
def filter_case(context: HookContext, case: AnyCase) -> bool:
    """Leave out values of other types in a body of plain text, which arrive there as text."""
    is_text = (case.media_type or "").startswith("text/")
    return not is_text or isinstance(case.body, str | bytes)


@schemathesis.check
def error_has_our_form(context: CheckContext, response: Response, case: AnyCase) -> None:
    """Every path and method is checked, including those that the document does not list."""
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
        allowed = SEMANTIC_ERRORS | INTEGER_ERRORS
        assert code in allowed, f"{code} for data that the schema allows"
