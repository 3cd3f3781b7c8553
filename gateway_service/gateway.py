"""The long-lived objects of the gateway: its client of the services, storage and job queue."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from client.async_chain import AsyncChain
from client.chain import Chain, WorkerThreadChain
from client.retries import RetryPolicy
from gateway_service.jobs.books import JobContents, Reused
from gateway_service.jobs.queue import JobQueue, open_job_queue
from gateway_service.jobs.schemas import JobObject
from gateway_service.jobs.store import Jobs
from gateway_service.service_calls import note_call
from gateway_service.settings import Settings
from gateway_service.storage.database import Storage, open_storage
from gateway_service.storage.tables import JobRow
from gateway_service.voices.library import VoiceLibrary
from shared.http.admission import ComputeSlot
from shared.http.app import get_model
from shared.http.errors import NotReady

_MAX_RETRY_AFTER_SECONDS = 4.0
"""Callers of speech wait: Heroku's router gives up after 30 s without a first byte."""


@dataclass(frozen=True)
class Gateway:
    settings: Settings
    async_chain: AsyncChain
    chain: Chain
    """The same chain, for worker threads of the event loop."""
    storage: Storage
    voices: VoiceLibrary
    jobs: Jobs
    job_queue: JobQueue
    verify_slot: ComputeSlot
    """One file at a time: ten minutes of sound take half a minute, and several files would take
    all slots from speech."""

    def check_ready(self) -> None:
        """Raise StorageFull, StorageDamaged or QueueUnreachable if not ready. Never blocks."""
        self.storage.check_ready()
        self.job_queue.check_reachable()

    def job_object(
        self, job: JobRow, contents: JobContents | None = None, reused: Reused | None = None
    ) -> JobObject:
        """The job as it appears in a response, with the reason for any delay. Never blocks."""
        delay = None
        try:
            self.check_ready()
        except NotReady as error:
            delay = error.message
        return JobObject.of(job, contents, delay, reused)


def open_gateway(settings: Settings) -> Gateway:
    """Open everything and start the job queue. Raises StorageMisconfigured."""
    storage = open_storage(settings)
    jobs = Jobs(storage, settings.max_jobs_waiting, settings.retention_days, settings.caller_share)
    # With Redis, `better worker` runs the jobs.
    runs_jobs = not settings.redis_url.get_secret_value()
    job_queue = open_job_queue(settings, storage, runs_jobs=runs_jobs)
    job_queue.start()
    retries = RetryPolicy(
        max_retry_after=_MAX_RETRY_AFTER_SECONDS, deadline_seconds=settings.deadline_seconds
    )
    chain = AsyncChain(settings=settings, retries=retries, on_call=note_call)
    return Gateway(
        settings=settings,
        async_chain=chain,
        chain=WorkerThreadChain(chain),
        storage=storage,
        voices=VoiceLibrary(storage, settings.max_voices),
        jobs=jobs,
        job_queue=job_queue,
        verify_slot=ComputeSlot(
            settings.queue_limit, settings.queue_seconds, share=settings.caller_share
        ),
    )


def close_gateway(gateway: Gateway) -> None:
    """Stop the job queue, release its jobs and close all connections."""
    gateway.job_queue.stop()
    gateway.chain.close()
    gateway.storage.close()


GatewayState = Annotated[Gateway, Depends(get_model)]
