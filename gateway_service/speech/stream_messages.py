"""Messages of the WebSocket for text that streams in, as vLLM-Omni names them.

The documentation of its speech API describes /v1/audio/speech/stream; `input.cancel` and
`audio.cancelled` are as its issue 1480 proposes them.
"""

from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import AliasChoices, Field

from client.options import SpeechOptions
from gateway_service.speech.schemas import MAX_INPUT_CHARACTERS, MODEL, SoundFormatName, VoiceName
from gateway_service.string_limits import MAX_MODEL_CHARACTERS
from shared.captions import WordTime
from shared.http.error_handlers import from_validation
from shared.http.errors import ApiError, InvalidRequest, TooLarge
from shared.http.json_routes import body_validation, parse_json, without_nulls

Event = dict[str, Any]


class SessionConfig(SpeechOptions):
    """Options of a session's speech. Other fields are ignored."""

    voice: Annotated[VoiceName, Field(validation_alias=AliasChoices("voice", "speaker"))]
    """A voice's name, {"id": …}, or a blend as ash(2)+birch(1)."""
    model: Annotated[str, Field(max_length=MAX_MODEL_CHARACTERS)] = MODEL
    """Any name is taken: there is one model."""
    response_format: SoundFormatName = "wav"
    """Sound format of each sentence, at 24 kHz."""
    stream_audio: bool = False
    """Sound in short messages as it is made; otherwise one message for each sentence."""
    word_timestamps: bool = False
    """The same as `timestamps`: with the times of the words, and the sound in base64."""

    @property
    def with_words(self) -> bool:
        return self.timestamps or self.word_timestamps


def read_message(received: str | bytes) -> Event:
    """A client's message. Raises InvalidRequest and TooLarge."""
    body = received.encode() if isinstance(received, str) else received
    message = without_nulls(parse_json(body))
    if not isinstance(message, dict):
        raise InvalidRequest(
            'the message is not a JSON object; send one, such as {"type": "input.done"}',
            code="invalid_json",
        )
    return message


def read_config(message: Event) -> SessionConfig:
    """The session.config of a client. Raises InvalidRequest."""
    try:
        with body_validation():
            return SessionConfig.model_validate(message)
    except RequestValidationError as error:
        raise from_validation(error) from None


def read_text(message: Event) -> str:
    """The text of an input.text. Raises InvalidRequest and TooLarge."""
    text = message.get("text")
    if not isinstance(text, str):
        code = "missing" if text is None else "string_type"
        raise InvalidRequest("text: must be a string", param="text", code=code)
    if len(text) > MAX_INPUT_CHARACTERS:
        raise TooLarge(
            f"text: has {len(text)} characters, the limit of one message is "
            f"{MAX_INPUT_CHARACTERS}; send it in parts",
            param="text",
            code="too_long",
        )
    return text


def error_event(error: ApiError, utterance_index: int | None) -> Event:
    """An error in the API's form; `message` once more, where vLLM-Omni has it."""
    index = {} if utterance_index is None else {"utterance_index": utterance_index}
    return {"type": "error", **error.body(), "message": error.message, **index}


def timestamps_of(words: tuple[WordTime, ...]) -> list[Event]:
    """Milliseconds from the start of the sentence's sound."""
    return [
        {"word": word, "start_ms": round(1000 * start), "end_ms": round(1000 * end)}
        for word, start, end in words
    ]
