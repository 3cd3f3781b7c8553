"""Response bodies about voices."""

from typing import Annotated, Literal

from pydantic import Field

from gateway_service.string_limits import MAX_FILE_NAME_CHARACTERS, MAX_VOICE_CHARACTERS
from gateway_service.voices.library import ListedVoice, Voice
from shared.http.schemas import RequestModel, ResponseModel

Rating = Literal["Good", "Fair", "Poor"]
CheckName = Literal["speech", "level", "clipping", "offset", "noise", "music", "speakers"]


_HASH_CHARACTERS = 64  # SHA-256 in hexadecimal
Advice = Annotated[str, Field(max_length=2000)]


class SampleVerdict(ResponseModel):
    """The worth of one sample. The numbers are null if it could not be read."""

    file: Annotated[str, Field(max_length=MAX_FILE_NAME_CHARACTERS)]
    """The name it was sent with."""
    sha256: Annotated[str, Field(max_length=_HASH_CHARACTERS)]
    """Hash of the file; the sound itself is not kept."""
    usable: bool
    """True if the voice is made of it; if not, `warnings` gives the reason."""
    seconds: float | None = None
    """Length of the part that was used."""
    voiced_seconds: float | None = None
    """Seconds left when long silences are cut."""
    clipped_share: float | None = None
    """0 to 1: samples at full scale."""
    level_dbfs: float | None = None
    """RMS of the voice."""
    snr_db: float | None = None
    """Voice over noise, 0 to 60; too low for a speaker without pauses."""
    similarity: float | None = None
    """0 to 1: mean cosine of its embedding with those of the other samples; null for a single one.
    Recordings of one person have 0.8 and more, of two people 0.4 to 0.7."""
    expected_similarity: float | None = None
    """0 to 1: expected likeness of the speech to the person, as the cosine of their embeddings.
    The bundled voice reaches 0.75 with a long, clear recording."""
    warnings: list[Advice] = Field(default_factory=list)
    """Faults that make it a worse likeness, each with its remedy."""
    notes: list[Advice] = Field(default_factory=list)
    """Repairs made to the recording."""
    encoder: Annotated[str, Field(max_length=_HASH_CHARACTERS)] | None = None
    """SHA-256 of the weights of the encoder that heard it."""


class Check(ResponseModel):
    name: CheckName
    """Name of the check."""
    rating: Rating
    """Result of the check."""
    remedy: str | None = None
    """null if the rating is Good."""


class SampleCheck(SampleVerdict):
    """A verdict on a sample that is not kept."""

    rating: Rating
    """The lowest of its checks, at best Fair with warnings, and Poor if it cannot be used."""
    checks: list[Check]
    """Empty if it cannot be used: `warnings` gives the reason."""


class VoiceCheck(ResponseModel):
    object: Literal["audio.voice.check"] = "audio.voice.check"
    """Always audio.voice.check."""
    samples: list[SampleCheck]
    """In the order of the form."""


class VoiceSummary(ResponseModel):
    """A voice as in OpenAI's API, with `preset` added."""

    id: str
    """Id of the voice."""
    object: Literal["audio.voice"] = "audio.voice"
    """Always audio.voice."""
    name: str
    """Name of the voice."""
    type: Literal["audio_sample"] = "audio_sample"
    """Always audio_sample."""
    created_at: int
    """Unix seconds; 0 for a preset."""
    preset: bool
    """Presets cannot be renamed or deleted."""


class VoiceDetails(VoiceSummary):
    consent: str
    """The statement given when it was made."""
    samples: list[SampleVerdict]
    """The samples it was made of."""


class VoiceChanges(RequestModel):
    name: str = Field(max_length=MAX_VOICE_CHARACTERS)
    """The new name: 1 to 80 characters, beginning with a letter or a digit."""


class VoiceList(ResponseModel):
    object: Literal["list"] = "list"
    """Always list."""
    voices: list[VoiceSummary]
    """The presets first."""


class VoiceDeleted(ResponseModel):
    id: str
    """Id of the voice."""
    object: Literal["audio.voice.deleted"] = "audio.voice.deleted"
    """Always audio.voice.deleted."""
    deleted: bool = True
    """Always true."""


def summary_of(voice: ListedVoice) -> VoiceSummary:
    return VoiceSummary(
        id=voice.id, name=voice.name, created_at=voice.created_at // 1000, preset=voice.preset
    )


def details_of(voice: Voice) -> VoiceDetails:
    samples = [SampleVerdict.model_validate(sample) for sample in voice.samples]
    summary = summary_of(voice).model_dump()
    return VoiceDetails(**summary, consent=voice.consent, samples=samples)
