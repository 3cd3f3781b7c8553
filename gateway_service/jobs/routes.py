"""/v1/jobs: text of any length, spoken while nobody waits."""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Annotated, Any

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request, Response
from sse_starlette import EventSourceResponse

from client.chain import seed_or_new
from gateway_service.gateway import Gateway, GatewayState
from gateway_service.jobs import body as job_body
from gateway_service.jobs.body import JobBody
from gateway_service.jobs.download import sound_response
from gateway_service.jobs.library import UNFINISHED, JobSpec
from gateway_service.jobs.schemas import DeletedJob, JobList, JobObject
from gateway_service.speech.speaking import left_out, pieces_of
from gateway_service.speech.stream import MEDIA_TYPES
from gateway_service.storage.database import StorageUnavailable, in_storage_thread
from gateway_service.storage.job_tables import JobRow
from gateway_service.string_limits import MAX_ID_CHARACTERS, JobId
from shared.http.errors import NotFound
from shared.http.fair_queue import caller
from shared.http.json_routes import JsonRoute
from shared.http.openapi import BINARY, Responses, content, errors

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=JsonRoute, responses=errors(503))

_WHOLE = content(BINARY, *MEDIA_TYPES.values())
_SOUND: Responses = {
    **_WHOLE,
    206: {**_WHOLE[200], "description": "the bytes that Range asks for"},
    304: {"description": "it is what If-None-Match names"},
    **errors(409, 416),
}
_JOB_EVENTS = content({}, events=True)
_LOOK_SECONDS = 0.5  # between two looks at a job whose events somebody follows
_PING_SECONDS = 15
_making = CapacityLimiter(2)
"""Jobs that are made at a time: a book in pieces takes tens of megabytes."""


@router.post("", status_code=202, openapi_extra=job_body.OPENAPI, responses=errors(404, 429))
async def create_job(request: JobBody, gateway: GatewayState) -> JobObject:
    """Takes a text of any length and answers at once; the sound is made one sentence at a time."""

    def create() -> JobRow:
        voice = gateway.voices.find(request.voice)
        return gateway.jobs.create(
            JobSpec(
                pieces=pieces_of(
                    request.input,
                    most=gateway.settings.max_job_sentences,
                    text_format=request.text_format,
                ),
                voice=voice.name,
                embed=voice.embed,
                response_format=request.response_format,
                speed=request.speed,
                seed=seed_or_new(request.seed),
                caller=_name_of(caller.get()),
                lexicon=request.lexicon,
            )
        )

    job = await to_thread.run_sync(create, limiter=_making)
    gateway.job_queue.wake()
    notes = await to_thread.run_sync(left_out, request.input)
    return gateway.job_object(job).model_copy(update={"notes": notes})


def _name_of(caller: str) -> str:
    """As it is kept with a job: no address."""
    return caller and sha256(caller.encode()).hexdigest()[:16]


@router.get("", responses=errors(404))
def list_jobs(
    gateway: GatewayState,
    limit: Annotated[int, Query(ge=1, le=100, description="Jobs on a page.")] = 20,
    after: Annotated[
        str | None,
        Query(
            max_length=MAX_ID_CHARACTERS, description="The id of the last job of the page before."
        ),
    ] = None,
) -> JobList:
    """The newest first. after: the id of the last job of the page before."""
    found = gateway.jobs.newest(limit + 1, after)
    shown = [gateway.job_object(job) for job in found[:limit]]
    return JobList(data=shown, has_more=len(found) > limit)


@router.get("/{job_id}")
def get_job(job_id: JobId, gateway: GatewayState) -> JobObject:
    return gateway.job_object(gateway.jobs.find(job_id))


@router.delete("/{job_id}")
def cancel_or_delete_job(job_id: JobId, gateway: GatewayState) -> JobObject | DeletedJob:
    """Cancels a job that is queued or running; deletes one that is completed, failed or
    cancelled."""
    if cancelled := gateway.jobs.cancel(job_id):
        return JobObject.of(cancelled)
    gateway.jobs.delete(job_id)
    gateway.job_queue.wake()
    return DeletedJob(id=job_id)


@router.get("/{job_id}/audio", response_class=Response, responses=_SOUND)
async def get_audio(job_id: JobId, request: Request, gateway: GatewayState) -> Response:
    """The sound of a completed job, or the part of it that `Range` asks for; 409 for another."""
    job = await in_storage_thread(gateway.jobs.find, job_id)
    return await sound_response(gateway.jobs.sounds, job, request.headers)


@router.get("/{job_id}/events", response_class=Response, responses=_JOB_EVENTS)
async def get_events(job_id: JobId, gateway: GatewayState) -> EventSourceResponse:
    """The job now, and again whenever it has changed, as server-sent events; the last one bears a
    final state."""
    job = await to_thread.run_sync(gateway.jobs.find, job_id)
    return EventSourceResponse(_changes(gateway, job), ping=_PING_SECONDS, sep="\n")


async def _changes(gateway: Gateway, job: JobRow) -> AsyncIterator[dict[str, Any]]:
    shown = ""
    while True:
        if (current := gateway.job_object(job).model_dump_json()) != shown:
            yield {"data": current}
            shown = current
        if job.status not in UNFINISHED:
            return
        await anyio.sleep(_LOOK_SECONDS)
        try:
            job = await to_thread.run_sync(gateway.jobs.find, job.id)
        except StorageUnavailable:
            continue
        except NotFound:
            return
