import pytest

from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS, require_consent
from shared.http.errors import InvalidRequest


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " \n",
        ".",
        "?!",
        "-" * 40,
        "12345",
        "x",
        "\u200b",
        "\u200b" * 40,
        "\ufeff\u2060",
        "\x00\x07",
        "\u0301" * 40,
        "a" + "\u0301" * 40,
        "\u3164" * 40,
        "\u115f\u1160\uffa0",
        "\ufe0f\U000e0100",
        "\U000e0041" * 40,
        "👍👍",
        "y" * (MAX_CONSENT_CHARACTERS + 1),
    ],
)
def test_text_that_says_nothing_is_refused(text: str | None) -> None:
    with pytest.raises(InvalidRequest, match="consent: ") as refused:
        require_consent(text)
    assert refused.value.param == "consent"


@pytest.mark.parametrize(
    "text",
    ["It is mine.", "OK", "Да.", "同意", "제 목소리입니다.", "أوافق", "e\u0301te\u0301"],
)
def test_text_of_any_script_is_taken(text: str) -> None:
    require_consent(text)
