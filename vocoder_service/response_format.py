"""The format of a response, chosen by the Accept header: JSON or a sound file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from shared.audio.files import (
    MEDIA_TYPES,
    SoundFormat,
    check_writable,
    encode_sound,
    encode_sound_stream,
)
from shared.audio.formats import FORMATS
from shared.http.errors import InvalidRequest
from shared.http.json_routes import wav_json_stream
from shared.http.tensors import Float32Array

_FORMATS: dict[str, SoundFormat] = {
    "audio/*": "wav",
    **{kind: name for name, kind in MEDIA_TYPES.items()},
    **{kind: name for name in MEDIA_TYPES for kind in FORMATS[name].other_media_types},
}


@dataclass(frozen=True)
class ResponseFormat:
    """Encodes sound as JSON (sound_format None) or as a sound file."""

    sound_format: SoundFormat | None

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.sound_format] if self.sound_format else "application/json"

    def check_rate(self, rate: int) -> None:
        """Raises InvalidRequest for a sample rate that the format does not support."""
        if self.sound_format:
            check_writable(rate, self.sound_format)

    def encode(self, wav: Float32Array, rate: int) -> bytes:
        """The body of a whole response. wav: [n] in ±1, rate: Hz."""
        if self.sound_format:
            return encode_sound(wav, rate, self.sound_format)
        return b"".join(wav_json_stream(iter([wav]), rate))

    def encode_stream(
        self, chunks: Iterator[Float32Array], rate: int, samples: int
    ) -> Iterator[bytes]:
        """The body, encoded while the chunks [n] arrive. samples: their number in total."""
        if self.sound_format:
            return encode_sound_stream(chunks, rate, samples, self.sound_format)
        return wav_json_stream(chunks, rate)


def accepted_format(request: Request) -> ResponseFormat:
    """The first supported media type in Accept; JSON if there is none and no audio type.

    Raises InvalidRequest for audio types that are not supported.
    """
    accepted = request.headers.get("accept", "*/*").lower().split(",")
    kinds = [kind.partition(";")[0].strip() for kind in accepted]
    for kind in kinds:
        if kind in ("application/json", "application/*", "*/*"):
            return ResponseFormat(None)
        if kind in _FORMATS:
            return ResponseFormat(_FORMATS[kind])
    if any(kind.startswith("audio/") for kind in kinds):
        raise InvalidRequest(
            f"Accept is {request.headers['accept']}; the supported audio types are "
            f"{', '.join(MEDIA_TYPES.values())}",
            param="accept",
        )
    return ResponseFormat(None)


AcceptedFormat = Annotated[ResponseFormat, Depends(accepted_format)]
