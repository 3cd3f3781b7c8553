"""/v1/jobs: speech of any length, made in the background."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import closing
from hashlib import sha256
from typing import Annotated, Any

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Query, Request, Response
from sse_starlette import EventSourceResponse

from client.errors import ChainError
from client.options import seed_or_new
from gateway_service.books.book import MAX_CHAPTERS
from gateway_service.gateway import Gateway, GatewayState
from gateway_service.jobs import body as job_body
from gateway_service.jobs.body import JobBody, NewJob
from gateway_service.jobs.books import (
    JOB_MEDIA_TYPES,
    JobContents,
    NewBook,
    chapter_format,
    disk_bytes,
    finished_chapter,
    finished_chapters,
    read_chapters,
)
from gateway_service.jobs.captions import captions_file, require_captions
from gateway_service.jobs.reuse import chapters_of_weights, note_on_weights, with_sources
from gateway_service.jobs.schemas import DeletedJob, JobList, JobObject
from gateway_service.jobs.sound import BLOCK_BYTES, JobSounds
from gateway_service.jobs.store import JobSpec
from gateway_service.speech.byte_ranges import asked_range, is_unchanged
from gateway_service.speech.dialogue import Dialogue
from gateway_service.speech.encoding import MEDIA_TYPES, encode
from gateway_service.speech.responses import abort_on_error
from gateway_service.speech.speaking import left_out
from gateway_service.storage.database import StorageUnavailable, in_storage_thread
from gateway_service.storage.tables import UNFINISHED, JobRow
from gateway_service.string_limits import MAX_ID_CHARACTERS, JobId
from gateway_service.voices.library import find_voice_or_blend
from shared.captions import MEDIA_TYPES as CAPTION_TYPES
from shared.captions import CaptionFormat
from shared.http.errors import Conflict, NotFound
from shared.http.fair_queue import caller
from shared.http.json_routes import ChunksResponse, JsonRoute
from shared.http.openapi import BINARY, Responses, content, errors

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=JsonRoute, responses=errors(503))

_WHOLE_FILE = content(BINARY, *JOB_MEDIA_TYPES.values())
_FILE: Responses = {
    **_WHOLE_FILE,
    206: {**_WHOLE_FILE[200], "description": "the bytes of Range"},
    304: {"description": "the file has the ETag of If-None-Match"},
    **errors(409, 416),
}
_CHAPTER = content(BINARY, *MEDIA_TYPES.values()) | errors(409)
_CAPTIONS = content({"type": "string"}, *CAPTION_TYPES.values()) | errors(409)
_EVENTS = content({}, events=True)
_POLL_SECONDS = 0.5  # between two reads of a job whose events are streamed
_PING_SECONDS = 15
_create_threads = CapacityLimiter(2)
"""Jobs that are created at a time: the pieces of a book take tens of megabytes."""


@router.post("", status_code=202, openapi_extra=job_body.OPENAPI, responses=errors(404, 429))
async def create_job(new: JobBody, gateway: GatewayState) -> JobObject:
    """Queue a text or a book of any length. Responds at once; the sound is made in the
    background."""
    created = await to_thread.run_sync(_create, new, gateway, limiter=_create_threads)
    job, contents, notes = created
    gateway.job_queue.wake()
    notes += await to_thread.run_sync(left_out, new.text)
    return gateway.job_object(job, contents).model_copy(update={"notes": notes})


def _create(new: NewJob, gateway: Gateway) -> tuple[JobRow, JobContents, list[str]]:
    """The stored job, and notes for its user."""
    request = new.request
    earlier = _earlier_job(gateway, request.from_job)
    voice = find_voice_or_blend(gateway.voices, request.voice)
    dialogue, book = _dialogue_and_book(new, gateway.settings.max_job_sentences)
    others = [find_voice_or_blend(gateway.voices, asked) for asked in dialogue.asked]
    characters = sum(len(piece.text) for piece in dialogue.pieces)
    spec = JobSpec(
        pieces=dialogue.pieces,
        speakers=dialogue.speakers,
        voices=[(other.name, other.embed) for other in others],
        book=book,
        disk_bytes=disk_bytes(characters, request.speed, request.response_format),
        voice=voice.name,
        embed=voice.embed,
        response_format=request.response_format,
        speed=request.speed,
        seed=earlier.seed if earlier and request.seed is None else seed_or_new(request.seed),
        temperature=request.temperature,
        caller=_anonymised(caller.get()),
        lexicon=request.lexicon,
        timestamps=request.timestamps,
        from_job=request.from_job,
    )
    spec, notes = _with_sources(gateway, spec, earlier)
    job = gateway.jobs.create(spec)
    return job, gateway.jobs.contents(job.id) if book else JobContents(), notes


def _with_sources(
    gateway: Gateway, spec: JobSpec, earlier: JobRow | None
) -> tuple[JobSpec, list[str]]:
    """The job with the chapters that it takes over, and a note on those that it cannot."""
    if earlier is None:
        return with_sources(spec), []
    done = finished_chapters(earlier, gateway.jobs.contents(earlier.id))
    try:
        weights = gateway.chain.fetch_weights()
    except ChainError:
        return with_sources(spec, done), []  # the worker asks again
    current = chapters_of_weights(gateway.storage, done, weights)
    spec = with_sources(spec, current)
    return spec, note_on_weights(spec, [row for row in done if row not in current])


def _earlier_job(gateway: Gateway, job_id: str | None) -> JobRow | None:
    """Raises NotFound."""
    try:
        return None if job_id is None else gateway.jobs.find(job_id)
    except NotFound as error:
        error.param = "from_job"
        raise


def _dialogue_and_book(new: NewJob, max_pieces: int) -> tuple[Dialogue, NewBook | None]:
    voices = new.request.voices or {}
    if new.book is None:
        dialogue = Dialogue(voices)
        dialogue.add(new.request.input, max_pieces=max_pieces, text_format=new.request.text_format)
        return dialogue, None
    dialogue, chapters = read_chapters(new.book, new.numbers, voices, max_pieces)
    tags = new.book.title, new.book.author, new.book.language, new.book.cover
    return dialogue, NewBook(*tags, chapters)


def _anonymised(caller: str) -> str:
    """The caller's ID as stored with a job, without an address."""
    return caller and sha256(caller.encode()).hexdigest()[:16]


@router.get("", responses=errors(404))
def list_jobs(
    gateway: GatewayState,
    limit: Annotated[int, Query(ge=1, le=100, description="Jobs on a page.")] = 20,
    after: Annotated[
        str | None,
        Query(max_length=MAX_ID_CHARACTERS, description="ID of the last job of the previous page."),
    ] = None,
) -> JobList:
    """List jobs, the newest first. `after` continues the list behind that job."""
    found = gateway.jobs.newest(limit + 1, after)
    reused = gateway.jobs.reused(found)
    page = [gateway.job_object(job, reused=reused.get(job.id)) for job in found[:limit]]
    return JobList(data=page, has_more=len(found) > limit)


@router.get("/{job_id}")
def get_job(job_id: JobId, gateway: GatewayState) -> JobObject:
    """Get the state and progress of a job."""
    job = gateway.jobs.find(job_id)
    return gateway.job_object(job, gateway.jobs.contents(job.id))


@router.delete("/{job_id}")
def cancel_or_delete_job(job_id: JobId, gateway: GatewayState) -> JobObject | DeletedJob:
    """Cancel a queued or running job, or delete a completed, failed or cancelled one."""
    if cancelled := gateway.jobs.cancel(job_id):
        return JobObject.of(cancelled, gateway.jobs.contents(job_id))
    gateway.jobs.delete(job_id)
    gateway.job_queue.wake()
    return DeletedJob(id=job_id)


@router.get("/{job_id}/audio", response_class=Response, responses=_FILE)
async def get_audio(job_id: JobId, request: Request, gateway: GatewayState) -> Response:
    """Download the sound of a completed job, or the part in `Range`; 409 for any other job."""
    job = await in_storage_thread(gateway.jobs.find, job_id)
    if job.status != "completed" or not job.sound_bytes:
        remedy = "; wait until it is completed" if job.status in UNFINISHED else ""
        raise Conflict(
            f"the job is {job.status} and has no sound{remedy}", code="job_not_completed"
        )
    etag = f'"{job.sound_sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if is_unchanged(request.headers, etag):
        return Response(status_code=304, headers=headers)
    part = asked_range(request.headers, etag, job.sound_bytes)
    response = await _download(gateway.jobs.sounds, job, part or range(job.sound_bytes))
    response.headers.update(headers)
    if part is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{job.sound_bytes}"
    return response


@router.get("/{job_id}/chapters/{number}/audio", response_class=Response, responses=_CHAPTER)
async def get_chapter_audio(
    job_id: JobId,
    number: Annotated[int, Path(ge=1, le=MAX_CHAPTERS, description="Number in the book.")],
    gateway: GatewayState,
) -> Response:
    """Download a finished chapter, also while the rest is made; 409 before it is finished.

    The format is that of the job, or mp3 for m4b and zip.
    """
    job = await in_storage_thread(gateway.jobs.find, job_id)
    contents = await in_storage_thread(gateway.jobs.contents, job_id)
    chapter = finished_chapter(job, contents, number)
    sounds = gateway.jobs.sounds
    positions = range(chapter.first, chapter.first + chapter.sentences)
    sound_format = chapter_format(job)
    samples = await in_storage_thread(sounds.length, job, positions)
    if not samples:
        raise Conflict(
            f"the job was completed by an earlier version, and chapter {number} is in its file "
            f"alone: GET /v1/jobs/{job.id}/audio",
            code="chapter_in_file",
        )
    parts = encode(
        sounds.sentences(job, positions), sound_format, samples, gateway.settings.mark_with
    )
    first = await in_storage_thread(next, parts)  # an error of it still has a status
    response = ChunksResponse(abort_on_error(_in_threads(first, parts)), MEDIA_TYPES[sound_format])
    name = f'attachment; filename="{job.id}-{number}.{sound_format}"'
    response.headers["Content-Disposition"] = name
    return response


async def _in_threads(first: bytes, parts: Generator[bytes]) -> AsyncGenerator[bytes]:
    with closing(parts):
        yield first
        while (part := await in_storage_thread(next, parts, None)) is not None:
            yield part


@router.get("/{job_id}/captions", response_class=Response, responses=_CAPTIONS)
async def get_captions(
    job_id: JobId,
    gateway: GatewayState,
    caption_format: Annotated[
        CaptionFormat, Query(alias="format", description="The kind of file.")
    ] = "srt",
    words: Annotated[
        bool, Query(description="With vtt: the time of each word, for karaoke.")
    ] = False,
) -> Response:
    """Download the captions of a completed job that was made with `timestamps`."""
    job = await in_storage_thread(gateway.jobs.find, job_id)
    require_captions(job)
    parts = captions_file(gateway.storage, job, caption_format, words)
    first = await in_storage_thread(next, parts)  # an error of it still has a status
    chunks = abort_on_error(_encoded(first, parts))
    response = ChunksResponse(chunks, CAPTION_TYPES[caption_format])
    name = f'attachment; filename="{job.id}.{caption_format}"'
    response.headers["Content-Disposition"] = name
    return response


async def _encoded(first: str, parts: Iterator[str]) -> AsyncGenerator[bytes]:
    yield first.encode()
    while (part := await in_storage_thread(next, parts, None)) is not None:
        yield part.encode()


async def _download(sounds: JobSounds, job: JobRow, part: range) -> ChunksResponse:
    """Stream a part of the file. A slow reader holds one block in memory.

    Raises NotFound if the job is deleted before the first block is read.
    """
    blocks = _blocks(sounds, job.id, part)
    await anext(blocks)  # before the response starts, so that an error still has a status
    response_format = JobObject.of(job).response_format
    response = ChunksResponse(abort_on_error(blocks), JOB_MEDIA_TYPES[response_format])
    response.headers["Content-Length"] = str(len(part))
    response.headers["Content-Disposition"] = f'attachment; filename="{job.id}.{response_format}"'
    return response


async def _blocks(sounds: JobSounds, job_id: str, part: range) -> AsyncGenerator[bytes]:
    """The bytes of `part`. An empty chunk comes first, once the first block is read."""
    is_first = True
    for position in range(part.start // BLOCK_BYTES, (part.stop - 1) // BLOCK_BYTES + 1):
        block = await in_storage_thread(sounds.block, job_id, position)
        if is_first:
            yield b""
            is_first = False
        offset = position * BLOCK_BYTES
        yield block[max(0, part.start - offset) : part.stop - offset]


@router.get("/{job_id}/events", response_class=Response, responses=_EVENTS)
async def get_events(job_id: JobId, gateway: GatewayState) -> EventSourceResponse:
    """Stream the job as server-sent events: now, after each change, and in its final state."""
    job = await to_thread.run_sync(gateway.jobs.find, job_id)
    contents = await to_thread.run_sync(gateway.jobs.contents, job_id)
    return EventSourceResponse(_changes(gateway, job, contents), ping=_PING_SECONDS, sep="\n")


async def _changes(
    gateway: Gateway, job: JobRow, contents: JobContents
) -> AsyncIterator[dict[str, Any]]:
    sent = ""
    while True:
        if (current := gateway.job_object(job, contents).model_dump_json()) != sent:
            yield {"data": current}
            sent = current
        if job.status not in UNFINISHED:
            return
        await anyio.sleep(_POLL_SECONDS)
        try:
            job = await to_thread.run_sync(gateway.jobs.find, job.id)
            if job.from_job:  # a chapter may turn out not to be reused
                contents = await to_thread.run_sync(gateway.jobs.contents, job.id)
        except StorageUnavailable:
            continue
        except NotFound:
            return
