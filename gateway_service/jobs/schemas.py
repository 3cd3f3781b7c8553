"""Requests and responses of jobs, as they stand on the wire."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from gateway_service.jobs.library import JobStatus
from gateway_service.settings import Settings
from gateway_service.speech.schemas import LexiconEntries, Seed, SeedNumber, Speed, VoiceName
from gateway_service.speech.stream import ResponseFormat
from gateway_service.storage.job_tables import JobRow
from gateway_service.string_limits import MAX_VOICE_CHARACTERS
from shared.http.schemas import RequestModel, ResponseModel
from shared.text.markup import TextFormat

DEFAULT_MAX_CHARACTERS: int = Settings.model_fields["max_job_characters"].default
"""As the OpenAPI document has it; `body` checks the limit of the deployment."""


class JobRequest(RequestModel):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "Hello, this is my voice.", "voice": "rowan"}]}
    )

    input: Annotated[str, WithJsonSchema({"type": "string", "maxLength": DEFAULT_MAX_CHARACTERS})]
    """Of any length up to MAX_JOB_CHARACTERS."""
    voice: VoiceName
    """A voice's name, or {"id": …}; GET /v1/audio/voices lists them."""
    response_format: ResponseFormat = "mp3"
    """Sound format, at 24 kHz; pcm is 16-bit little-endian."""
    speed: Speed = 1.0
    """Speaking rate; the pitch stays."""
    seed: Seed = None
    """The same request and seed give the same sound."""
    text_format: TextFormat = "auto"
    """As for speech; a text sent as text/markdown is Markdown."""
    lexicon: LexiconEntries | None = None
    """Words, and how they are to be said: {"Nguyen": "win"}."""


class JobQuery(ResponseModel):
    """What may stand in the query too, for a body that is the text itself."""

    voice: Annotated[str, Field(max_length=MAX_VOICE_CHARACTERS)] | SkipJsonSchema[None] = None
    """A voice's name or id."""
    response_format: ResponseFormat = "mp3"
    """Sound format, at 24 kHz; pcm is 16-bit little-endian."""
    speed: Speed = 1.0
    """Speaking rate; the pitch stays."""
    seed: SeedNumber | SkipJsonSchema[None] = None
    """The same request and seed give the same sound."""
    text_format: TextFormat | SkipJsonSchema[None] = None
    """As for speech."""


class JobProgress(ResponseModel):
    sentences: int
    """Sentences of the text."""
    done: int
    """Sentences that are finished."""
    skipped: int
    """Of those done: there is nothing in them that can be said, so they are a short silence."""


class JobError(ResponseModel):
    code: str
    """The error, for programs."""
    message: str
    """The error, for people."""


class JobObject(ResponseModel):
    id: str
    """Id of the job."""
    object: Literal["speech.job"] = "speech.job"
    """Always speech.job."""
    state: JobStatus
    """State of the job; completed, failed and cancelled are final."""
    created_at: int
    """Unix time in seconds."""
    expires_at: int | None
    """Unix time in seconds, from when on the job is gone; null until it is completed, failed or
    cancelled."""
    voice: str
    """Name of the voice."""
    response_format: ResponseFormat
    """Sound format."""
    preview: str
    """The first words of the text."""
    progress: JobProgress
    """Sentences so far."""
    error: JobError | None
    """Why it failed."""
    waiting_for: str | None
    """What holds the job up, such as a service that does not answer; it goes on by itself."""
    notes: list[str] = Field(default_factory=list)
    """What of the text is not said, and why; in the answer to its making alone."""

    @classmethod
    def of(cls, job: JobRow, all_wait_for: str | None = None) -> Self:
        """all_wait_for: what holds every job up."""
        failed = job.status == "failed"
        return cls.model_validate(
            {
                "id": job.id,
                "state": job.status,
                "created_at": job.created_at // 1000,
                "expires_at": job.expires_at and job.expires_at // 1000,
                "voice": job.voice,
                "response_format": job.response_format,
                "preview": job.preview,
                "progress": {
                    "sentences": job.sentences,
                    "done": job.done,
                    "skipped": job.skipped,
                },
                "error": {"code": job.error_code, "message": job.error_message} if failed else None,
                "waiting_for": (
                    all_wait_for or job.error_message if job.status == "queued" else None
                ),
            }
        )


class JobList(ResponseModel):
    object: Literal["list"] = "list"
    """Always list."""
    data: list[JobObject]
    """The newest first."""
    has_more: bool
    """Then ask again with `after` = the last one's id."""


class DeletedJob(ResponseModel):
    id: str
    """Id of the job."""
    object: Literal["speech.job.deleted"] = "speech.job.deleted"
    """Always speech.job.deleted."""
    deleted: Literal[True] = True
    """Always true."""
