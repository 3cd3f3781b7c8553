"""Requests and responses of jobs, as they stand on the wire."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from gateway_service.jobs.library import JobStatus
from gateway_service.settings import settings
from gateway_service.speech.schemas import (
    LexiconEntries,
    Seed,
    SeedNumber,
    SoundFormatName,
    Speed,
    TextFormatName,
    VoiceName,
)
from gateway_service.speech.stream import ResponseFormat
from gateway_service.storage.job_tables import JobRow
from gateway_service.string_limits import MAX_VOICE_CHARACTERS


class JobRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    input: Annotated[str, Field(max_length=settings.max_job_characters)]
    """Of any length up to MAX_JOB_CHARACTERS."""
    voice: VoiceName
    response_format: SoundFormatName = "mp3"
    speed: Speed = 1.0
    """The pitch stays."""
    seed: Seed = None
    text_format: TextFormatName = "auto"
    """As for speech; a text sent as text/markdown is Markdown."""
    lexicon: LexiconEntries | None = None
    """Words, and how they are to be said: {"Nguyen": "win"}."""


class JobQuery(BaseModel):
    """What may stand in the query too, for a body that is the text itself."""

    voice: Annotated[str, Field(max_length=MAX_VOICE_CHARACTERS)] | SkipJsonSchema[None] = None
    response_format: SoundFormatName = "mp3"
    speed: Speed = 1.0
    seed: SeedNumber | SkipJsonSchema[None] = None
    text_format: TextFormatName | SkipJsonSchema[None] = None


class JobProgress(BaseModel):
    sentences: int
    done: int
    skipped: int
    """Of those done: there is nothing in them that can be said, so they are a short silence."""


class JobError(BaseModel):
    code: str
    message: str


class JobObject(BaseModel):
    id: str
    object: Literal["speech.job"] = "speech.job"
    state: JobStatus
    created_at: int
    """Unix time in seconds."""
    expires_at: int | None
    """Unix time in seconds, from when on the job is gone; null until it is completed, failed or
    cancelled."""
    voice: str
    response_format: ResponseFormat
    preview: str
    """The first words of the text."""
    progress: JobProgress
    error: JobError | None
    """Why it failed."""
    waiting_for: str | None
    """What holds the job up, such as a service that does not answer; it goes on by itself."""
    notes: list[str] = []
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


class JobList(BaseModel):
    object: Literal["list"] = "list"
    data: list[JobObject]
    """The newest first."""
    has_more: bool
    """Then ask again with `after` = the last one's id."""


class DeletedJob(BaseModel):
    id: str
    object: Literal["speech.job.deleted"] = "speech.job.deleted"
    deleted: Literal[True] = True
