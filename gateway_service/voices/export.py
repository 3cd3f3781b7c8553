"""A voice as a file: its entry in the library, to move it to another gateway.

The file is a JSON document. `GET /v1/audio/voices/{voice}/file` writes it and
`POST /v1/audio/voices` reads it.
"""

from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Request
from pydantic import Field

from client.chain import EMBED_SIZE
from gateway_service.string_limits import MAX_VOICE_CHARACTERS
from gateway_service.voices.consent import MAX_CONSENT_CHARACTERS, require_consent
from gateway_service.voices.library import Voice, VoiceLibrary
from gateway_service.voices.schemas import SampleVerdict
from shared.http.errors import InvalidRequest, TooLarge
from shared.http.json_routes import body_validation
from shared.http.schemas import RequestModel, ResponseModel
from shared.http.tensors import Axis, Float32Array, Tensor

MAX_FILE_BYTES = 2**18  # a voice of ten samples takes 10 kB
MAX_SAMPLES = 100
MAX_LENGTH_ERROR = 1e-3  # of an embedding, which has length 1
MAX_UNIX_SECONDS = 2**33  # the year 2242
PRESET_CONSENT = "A preset: a synthetic voice that belongs to no person."


class Provenance(ResponseModel):
    """The origin of a voice."""

    created_at: Annotated[int, Field(ge=0, le=MAX_UNIX_SECONDS)] = 0
    """Unix seconds; 0 for a preset."""
    samples: Annotated[list[SampleVerdict], Field(default_factory=list, max_length=MAX_SAMPLES)]
    """The verdict on each recording. The recordings are not kept."""


class VoiceFile(RequestModel):
    """A voice with everything that the library keeps of it."""

    object: Literal["audio.voice.file"] = "audio.voice.file"
    """Always audio.voice.file."""
    name: str = Field(min_length=1, max_length=MAX_VOICE_CHARACTERS)
    """The voice's name here; change it to import the voice under another name."""
    embedding: Annotated[
        Float32Array, Tensor(axes=(Axis("E", EMBED_SIZE, EMBED_SIZE),), low=-1, high=1)
    ]
    """[256], unit length: the voice."""
    consent: str = Field(max_length=MAX_CONSENT_CHARACTERS)
    """The statement of who allowed this voice to be cloned, and for what."""
    provenance: Provenance = Field(default_factory=lambda: Provenance(samples=[]))
    """The time of its making, and its recordings."""
    encoder_sha256: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the weights of the encoder that made the embedding; null if unknown."""


def voice_file(voice: Voice) -> dict[str, Any]:
    """The fields of a VoiceFile; the embedding stays an array [256]."""
    samples = [SampleVerdict.model_validate(sample) for sample in voice.samples]
    encoders = [sample.encoder for sample in samples if sample.usable and sample.encoder]
    return {
        "object": "audio.voice.file",
        "name": voice.name,
        "embedding": voice.embed,
        "consent": voice.consent or PRESET_CONSENT,
        "provenance": {
            "created_at": voice.created_at // 1000,
            "samples": [sample.model_dump() for sample in samples],
        },
        "encoder_sha256": encoders[0] if encoders else None,
    }


async def read_voice_file(request: Request) -> VoiceFile:
    """The JSON body. Raises TooLarge, InvalidRequest or a validation error that names the field."""
    if (size := len(await request.body())) > MAX_FILE_BYTES:
        raise TooLarge(
            f"the body is {size} bytes, and a voice's file has at most {MAX_FILE_BYTES}; send the "
            "JSON document of GET /v1/audio/voices/{voice}/file",
            param="body",
            code="voice_file_too_large",
        )
    body = await request.json()
    with body_validation():
        file = VoiceFile.model_validate(body)
    length = float(np.linalg.norm(file.embedding))
    if abs(length - 1) > MAX_LENGTH_ERROR:
        raise InvalidRequest(
            f"embedding: has length {length:.3f}, must have length 1; send it unchanged",
            param="embedding",
            code="out_of_range",
        )
    require_consent(file.consent)
    return file


def import_voice(voices: VoiceLibrary, file: VoiceFile) -> Voice:
    """Add the voice to the library. Raises InvalidRequest and StorageUnavailable, as
    `VoiceLibrary.add`."""
    samples = [sample.model_dump() for sample in file.provenance.samples]
    created_at = file.provenance.created_at * 1000 or None
    return voices.add(
        file.name, file.embedding, file.consent.strip(), samples, created_at=created_at
    )
