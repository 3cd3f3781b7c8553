"""Sends the encoded sound of a job: block after block, whole or in part."""

from collections.abc import AsyncGenerator

from fastapi import Response
from starlette.datastructures import Headers

from gateway_service.jobs.library import UNFINISHED
from gateway_service.jobs.schemas import JobObject
from gateway_service.jobs.sound import BLOCK_BYTES, JobSounds
from gateway_service.speech.byte_ranges import asked_range, is_unchanged
from gateway_service.speech.responses import abort_on_error
from gateway_service.speech.stream import MEDIA_TYPES
from gateway_service.storage.database import in_storage_thread
from gateway_service.storage.job_tables import JobRow
from shared.http.errors import Conflict
from shared.http.json_routes import ChunksResponse


async def sound_response(sounds: JobSounds, job: JobRow, asked: Headers) -> Response:
    """asked: the headers of the request. What a slow reader holds is one block.

    Raises Conflict for a job that is not completed, NotFound, RangeNotSatisfiable.
    """
    if job.status != "completed" or not job.sound_bytes:
        raise Conflict(
            f"the job is {job.status}, there is no sound of it"
            + ("; wait until it is completed" if job.status in UNFINISHED else ""),
            code="job_not_completed",
        )
    etag = f'"{job.sound_sha256}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if is_unchanged(asked, etag):
        return Response(status_code=304, headers=headers)
    part = asked_range(asked, etag, job.sound_bytes)
    wanted = range(job.sound_bytes) if part is None else part
    blocks = _blocks(sounds, job.id, wanted)
    await anext(blocks)  # what fails here is an error yet
    response_format = JobObject.of(job).response_format
    response = ChunksResponse(abort_on_error(blocks), MEDIA_TYPES[response_format])
    response.headers.update(headers)
    response.headers["Content-Length"] = str(len(wanted))
    response.headers["Content-Disposition"] = f'attachment; filename="{job.id}.{response_format}"'
    if part is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{job.sound_bytes}"
    return response


async def _blocks(sounds: JobSounds, job_id: str, wanted: range) -> AsyncGenerator[bytes]:
    """The bytes that are wanted, after an empty chunk once the first of them are there."""
    is_first = True
    for position in range(wanted.start // BLOCK_BYTES, (wanted.stop - 1) // BLOCK_BYTES + 1):
        block = await in_storage_thread(sounds.block, job_id, position)
        if is_first:
            yield b""
            is_first = False
        offset = position * BLOCK_BYTES
        yield block[max(0, wanted.start - offset) : wanted.stop - offset]
