"""Responses about voices, as they stand on the wire."""

from typing import Literal

from pydantic import BaseModel, Field

from gateway_service.voices.library import ListedVoice, Voice


class SampleVerdict(BaseModel):
    """What one sample is worth. The numbers are null where nothing could be read."""

    file: str
    """The name it was sent with."""
    sha256: str
    """Of the file; the sound itself is not kept."""
    usable: bool
    """Whether the voice is made of it; `warnings` says why not."""
    seconds: float | None = None
    voiced_seconds: float | None = None
    """What is left when long silences are cut."""
    clipped_share: float | None = None
    """0 to 1: samples at full scale."""
    level_dbfs: float | None = None
    """RMS of the voice."""
    snr_db: float | None = None
    """Voice over noise, 0 to 60; too low where nobody pauses."""
    similarity: float | None = None
    """0 to 1: cosine of its embedding with those that the voice is made of, the mean; null where
    there is no other. Recordings of one person have 0.8 and more, of two 0.4 to 0.7."""
    expected_similarity: float | None = None
    """0 to 1: cosine to expect of its embedding with that of a long, clear recording of the same
    person."""
    warnings: list[str] = Field(default_factory=list)
    """What makes it a worse likeness, and the remedy."""
    encoder: str | None = None
    """SHA-256 of the weights of the encoder that heard it."""


class VoiceSummary(BaseModel):
    """As in OpenAI's API, and whether it is a preset."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    type: Literal["audio_sample"] = "audio_sample"
    created_at: int
    """Unix seconds; 0 for a preset."""
    preset: bool
    """Presets cannot be deleted."""


class VoiceDetails(VoiceSummary):
    consent: str
    """The statement that it was made with."""
    samples: list[SampleVerdict]


class VoiceList(BaseModel):
    object: Literal["list"] = "list"
    voices: list[VoiceSummary]


class VoiceDeleted(BaseModel):
    id: str
    object: Literal["audio.voice.deleted"] = "audio.voice.deleted"
    deleted: bool = True


def summary_of(voice: ListedVoice) -> VoiceSummary:
    return VoiceSummary(
        id=voice.id, name=voice.name, created_at=voice.created_at // 1000, preset=voice.preset
    )


def details_of(voice: Voice) -> VoiceDetails:
    samples = [SampleVerdict.model_validate(sample) for sample in voice.samples]
    summary = summary_of(voice).model_dump()
    return VoiceDetails(**summary, consent=voice.consent, samples=samples)
