"""POST /v1/text, and the same fields of speech and jobs."""

import json
from typing import Any

import httpx
import pytest

from tests.support.speech_fixtures import SpeechServer, server, server_of_module
from tests.support.stub_services import Refusal

__all__ = ["server", "server_of_module"]


def read(server: SpeechServer, text: str, **fields: Any) -> Any:
    response = httpx.post(f"{server.url}/v1/text", json={"input": text, **fields})
    assert response.status_code == 200, response.text
    return response.json()


def test_pieces_have_their_source_and_their_words(server: SpeechServer) -> None:
    text = "# Prices\n\nThe **Nguyen** costs &euro;5. [pause:1.5s] Buy *two*!"

    assert read(server, text, lexicon={"Nguyen": "win"}) == {
        "object": "text",
        "pieces": [
            {"source": "Prices", "spoken": "Prices", "pause": 0.7},
            {
                "source": "The **Nguyen** costs &euro;5.",
                "spoken": "The win costs €5.",
                "pause": 1.5,
            },
            {"source": "Buy *two*!", "spoken": "Buy two!", "pause": 0.0},
        ],
        "notes": [],
    }


def test_plain_text_is_not_read_as_markup(server: SpeechServer) -> None:
    pieces = read(server, "**Two** &amp; [pause:1s]", text_format="plain")["pieces"]

    assert [piece["spoken"] for piece in pieces] == ["**Two** &amp; [pause:1s]"]


def test_words_of_other_scripts_are_left_out_with_a_note(server: SpeechServer) -> None:
    found = read(server, "Tokyo (東京) is large.\nー\nIt never sleeps.")

    assert [piece["spoken"] for piece in found["pieces"]] == [
        "Tokyo () is large.",
        "It never sleeps.",
    ]
    assert [note.split(" (")[0] for note in found["notes"]] == [
        "2 letters in Han",
        "1 letters in Katakana",
    ]


@pytest.mark.parametrize("path", ["/v1/text", "/v1/audio/speech"])
@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("안녕하세요. 반갑습니다!", "unreadable_script", "Hangul"),
        ("Hello [pause:60s] you", "invalid_markup", "at character 6"),
        ("<!-- only a comment -->", "empty", "send some text"),
        ("…", "nothing_to_speak", "no symbol"),
        ("", "empty", "send some text"),
    ],
)
def test_unspeakable_text_is_named(
    server: SpeechServer, path: str, text: str, code: str, says: str
) -> None:
    voice = {} if path == "/v1/text" else {"voice": "low"}

    response = httpx.post(f"{server.url}{path}", json={"input": text, **voice})

    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, "input", code)
    assert says in error["message"]


@pytest.mark.parametrize(
    "lexicon",
    [
        {"a" * 61: "b"},
        {"a": "b" * 201},
        {"": "b"},
        {"a": 1},
        ["a"],
        {str(n): "b" for n in range(1001)},
    ],
)
def test_malformed_or_too_large_lexicon_is_rejected(server: SpeechServer, lexicon: Any) -> None:
    response = httpx.post(f"{server.url}/v1/text", json={"input": "A.", "lexicon": lexicon})

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "lexicon"


def test_respelling_with_a_digit_is_an_invalid_lexicon(server: SpeechServer) -> None:
    response = httpx.post(f"{server.url}/v1/text", json={"input": "A.", "lexicon": {"a": "b1"}})

    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == ("lexicon", "invalid_lexicon")
    assert "must be letters" in error["message"]


def test_speech_follows_markup_and_lexicon(server: SpeechServer) -> None:
    response = httpx.post(
        f"{server.url}/v1/audio/speech",
        json={
            "input": "**Hello** [there](https://x.y), 東京!",
            "voice": "low",
            "response_format": "wav",
            "lexicon": {"there": "dare"},
        },
    )

    assert response.status_code == 200
    assert response.headers["x-notes"].startswith("2 letters in Han")
    request = server.services.synthesizer.requests[-1]
    assert request["text"] == "Hello there, !"
    assert request["lexicon"] == {"there": "dare"}


def test_last_event_notes_the_omitted_words(server: SpeechServer) -> None:
    def done(text: str) -> dict[str, Any]:
        body = {"input": text, "voice": "low", "stream_format": "sse"}
        response = httpx.post(f"{server.url}/v1/audio/speech", json=body)
        event: dict[str, Any] = json.loads(response.text.split("data: ")[-1])
        return event

    (note,) = done("Hello there, 東京!")["notes"]
    assert note.startswith("2 letters in Han")
    assert "notes" not in done("Hello there!")


def test_error_of_the_synthesizer_names_our_field(server: SpeechServer) -> None:
    server.services.synthesizer.refusal = Refusal(
        400, "lexicon: the word is too odd", "lexicon", "invalid_lexicon"
    )

    response = httpx.post(f"{server.url}/v1/text", json={"input": "A.", "lexicon": {"a": "b"}})

    assert response.json()["error"]["param"] == "lexicon"
