"""What lives as long as the gateway's process: its clients, its storage, its queue."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from client.chain import Chain
from client.retries import RetryPolicy
from gateway_service.jobs.library import Jobs
from gateway_service.jobs.queue import JobQueue, open_job_queue
from gateway_service.jobs.schemas import JobObject
from gateway_service.service_metrics import note_call
from gateway_service.settings import Settings
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.job_tables import JobRow
from gateway_service.voices.library import VoiceLibrary
from shared.http.admission import ComputeSlot
from shared.http.app import get_model
from shared.http.errors import NotReady


@dataclass(frozen=True)
class Gateway:
    settings: Settings
    chain: Chain
    storage: Storage
    voices: VoiceLibrary
    jobs: Jobs
    job_queue: JobQueue
    verify_slot: ComputeSlot
    """One file at a time: ten minutes of sound take half a minute, and several of them would hold
    the slots of all who want to speak."""

    def check_ready(self) -> None:
        """Raises StorageFull, StorageDamaged and QueueUnreachable. Never blocks."""
        self.storage.check_ready()
        self.job_queue.check_reachable()

    def job_object(self, job: JobRow) -> JobObject:
        """As it stands on the wire; a job that waits says for what."""
        try:
            self.check_ready()
        except NotReady as error:
            return JobObject.of(job, all_wait_for=error.message)
        return JobObject.of(job)


def open_gateway(settings: Settings) -> Gateway:
    storage = open_storage(settings)
    jobs = Jobs(storage, settings.max_jobs_waiting, settings.retention_days, settings.caller_share)
    # With Redis the jobs are run by `better worker`.
    runs_jobs = not settings.redis_url.get_secret_value()
    job_queue = open_job_queue(settings, storage, runs_jobs=runs_jobs)
    job_queue.start()
    return Gateway(
        settings=settings,
        chain=Chain(settings=settings, retries=_patience(settings), on_call=note_call),
        storage=storage,
        voices=VoiceLibrary(storage, settings.max_voices),
        jobs=jobs,
        job_queue=job_queue,
        verify_slot=ComputeSlot(
            settings.queue_limit, settings.queue_seconds, share=settings.caller_share
        ),
    )


def _patience(settings: Settings) -> RetryPolicy:
    """Who listens waits for seconds: Heroku's router gives up after 30 without a first byte."""
    return RetryPolicy(longest_retry_after=4.0, deadline_seconds=settings.deadline_seconds)


def open_storage(settings: Settings) -> Storage:
    """Raises StorageMisconfigured; a database that is merely away is looked for again later."""
    url = settings.database_url.get_secret_value()
    storage = Storage(
        url,
        settings.data_dir,
        settings.database_connections,
        min_free_bytes=settings.min_free_bytes,
    )
    with suppress(StorageUnavailable):
        storage.migrate()
    return storage


def close_gateway(gateway: Gateway) -> None:
    gateway.job_queue.stop()
    gateway.chain.close()
    gateway.storage.close()


GatewayState = Annotated[Gateway, Depends(get_model)]
