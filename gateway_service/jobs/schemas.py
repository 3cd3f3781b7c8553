"""Request and response bodies of jobs."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from client.options import SeedNumber, SpeechOptions, Speed, Temperature, TextFormatName, lower_case
from gateway_service.jobs.books import JobContents, JobFormat, Reused
from gateway_service.settings import Settings
from gateway_service.speech.schemas import VoiceChoice
from gateway_service.storage.tables import UNFINISHED, ChapterRow, JobRow, JobStatus
from gateway_service.string_limits import MAX_ID_CHARACTERS, MAX_VOICE_CHARACTERS
from shared.http.schemas import RequestModel, ResponseModel

DEFAULT_MAX_CHARACTERS: int = Settings.model_fields["max_job_characters"].default
"""The limit in the OpenAPI document. `body` enforces the limit of the deployment."""


Chosen = Annotated[str, Field(min_length=1, max_length=1000)]
EarlierJob = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]


class _JobInput(RequestModel):
    input: Annotated[str, WithJsonSchema({"type": "string", "maxLength": DEFAULT_MAX_CHARACTERS})]
    """The text, up to MAX_JOB_CHARACTERS long. A body of text/markdown is Markdown."""


class _JobOptions(RequestModel):
    response_format: Annotated[JobFormat, BeforeValidator(lower_case)] = "mp3"
    """Sound format, at 24 kHz; pcm is 16-bit little-endian. m4b and the mp3 of a book have chapter
    marks; zip has an mp3 for each chapter."""
    chapters: Chosen | None = None
    """Chapters of a book to read, such as 1-3,7."""
    from_job: EarlierJob | None = None
    """ID of an earlier job of this book. Its finished chapters whose text, voice and options are
    the same are taken over. The seed is that job's unless it is given."""


class JobRequest(SpeechOptions, VoiceChoice, _JobOptions, _JobInput):
    """A text with the options of speech."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input": "Hello, this is my voice.", "voice": "rowan"}]}
    )


class JobQuery(ResponseModel):
    """Parameters that the query accepts too, for a body that is the text itself."""

    voice: Annotated[str, Field(max_length=MAX_VOICE_CHARACTERS)] | SkipJsonSchema[None] = None
    """Name or ID of the voice."""
    response_format: Annotated[JobFormat, BeforeValidator(lower_case)] = "mp3"
    """Sound format, at 24 kHz; pcm is 16-bit little-endian. m4b and the mp3 of a book have chapter
    marks; zip has an mp3 for each chapter."""
    chapters: Chosen | SkipJsonSchema[None] = None
    """Chapters of a book to read, such as 1-3,7."""
    from_job: EarlierJob | SkipJsonSchema[None] = None
    """ID of an earlier job of this book. Its finished chapters whose text, voice and options are
    the same are taken over. The seed is that job's unless it is given."""
    speed: Speed = 1.0
    """Speaking rate; the pitch does not change."""
    seed: SeedNumber | SkipJsonSchema[None] = None
    """The same request and seed give the same sound."""
    temperature: Temperature = 1.0
    """Below 1 WaveRNN is smoother and duller, above 1 rougher. Vocos ignores it."""
    text_format: TextFormatName | SkipJsonSchema[None] = None
    """The markup of the text."""
    timestamps: bool = False
    """Store the times of the words, for captions."""


class JobProgress(ResponseModel):
    """Progress in sentences."""

    sentences: int
    """Sentences of the text."""
    done: int
    """Finished sentences."""
    skipped: int
    """Finished sentences that could not be spoken; a short silence replaces each."""


class JobBook(ResponseModel):
    title: str
    """Title, or an empty text."""
    author: str
    """Authors, or an empty text."""
    language: str
    """Language tag, such as en, or an empty text."""


class JobChapter(ResponseModel):
    number: int
    """Number in the book, from 1."""
    title: str
    """Title, or an empty text."""
    sentences: int
    """Sentences of the chapter."""
    done: int
    """Finished sentences."""
    state: Literal["queued", "running", "completed"]
    """completed: GET /v1/jobs/{id}/chapters/{number}/audio gives it."""
    reused: bool
    """True if it is taken over from from_job."""


class JobError(ResponseModel):
    code: str
    """The error for programs."""
    message: str
    """The error for people."""


class JobObject(ResponseModel):
    id: str
    """ID of the job."""
    object: Literal["speech.job"] = "speech.job"
    """Always speech.job."""
    state: JobStatus
    """State of the job; completed, failed and cancelled are final."""
    created_at: int
    """Unix time in seconds."""
    expires_at: int | None
    """Unix time in seconds at which the job is deleted; null until it is completed, failed or
    cancelled."""
    voice: str
    """Name of the voice."""
    response_format: JobFormat
    """Sound format."""
    preview: str
    """The first words of the text."""
    timestamps: bool
    """True if GET /v1/jobs/{id}/captions can answer once it is completed."""
    progress: JobProgress
    """Progress in sentences."""
    seconds_left: int | None
    """Estimate of the time left, from the sentences so far; null before the first one and in a
    final state."""
    disk_bytes: int
    """Estimate of the disk space that the job takes while it is made."""
    book: JobBook | None
    """Tags of a book; null for a text, and in a list."""
    chapters: list[JobChapter] | None
    """Chapters of a book and their progress; null for a text, and in a list."""
    from_job: str | None
    """ID of the earlier job whose chapters are taken over."""
    error: JobError | None
    """The reason for the failure."""
    waiting_for: str | None
    """The reason for a delay, such as an unreachable service. The job continues by itself."""
    notes: list[str] = Field(default_factory=list)
    """Parts of the text that are not spoken, and why. Only in the response to POST /v1/jobs."""

    @classmethod
    def of(
        cls,
        job: JobRow,
        contents: JobContents | None = None,
        common_delay: str | None = None,
        reused: Reused | None = None,
    ) -> Self:
        """common_delay: the reason for a delay of all jobs. reused: counted from `contents` if
        None."""
        book = contents and contents.book
        chapters = [_chapter(job, row) for row in contents.chapters] if contents else []
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
                "timestamps": bool(job.timestamps),
                "progress": {
                    "sentences": job.sentences,
                    "done": job.done,
                    "skipped": job.skipped,
                },
                "seconds_left": _seconds_left(job, reused or _reused(chapters)),
                "disk_bytes": job.disk_bytes or 0,
                "book": book and {name: getattr(book, name) for name in JobBook.model_fields},
                "chapters": chapters or None,
                "from_job": job.from_job,
                "error": {"code": job.error_code, "message": job.error_message} if failed else None,
                "waiting_for": (
                    common_delay or job.error_message if job.status == "queued" else None
                ),
            }
        )


def _seconds_left(job: JobRow, reused: Reused) -> int | None:
    """From the sentences made so far; those of reused chapters take no time."""
    made = job.done - reused.done
    left = job.sentences - job.done - (reused.sentences - reused.done)
    if job.status not in UNFINISHED or made <= 0:
        return None
    return round((job.spent_ms or 0) / made * left / 1000)


def _reused(chapters: Sequence[JobChapter]) -> Reused:
    reused = [chapter for chapter in chapters if chapter.reused]
    return Reused(sum(at.sentences for at in reused), sum(at.done for at in reused))


def _chapter(job: JobRow, chapter: ChapterRow) -> JobChapter:
    done = min(max(0, job.done - chapter.first), chapter.sentences)
    state: Literal["queued", "running", "completed"] = "queued"
    if done == chapter.sentences:
        state = "completed"
    elif done or (job.status == "running" and job.done == chapter.first):
        state = "running"
    return JobChapter(
        number=chapter.number,
        title=chapter.title,
        sentences=chapter.sentences,
        done=done,
        state=state,
        reused=chapter.source is not None,
    )


class JobList(ResponseModel):
    object: Literal["list"] = "list"
    """Always list."""
    data: list[JobObject]
    """The newest first."""
    has_more: bool
    """True if there are more: repeat the request with `after` set to the last ID."""


class DeletedJob(ResponseModel):
    id: str
    """ID of the job."""
    object: Literal["speech.job.deleted"] = "speech.job.deleted"
    """Always speech.job.deleted."""
    deleted: Literal[True] = True
    """Always true."""
