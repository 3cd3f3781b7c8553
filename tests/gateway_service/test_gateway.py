from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from pydantic import SecretStr

from gateway_service.gateway import Gateway, close_gateway, open_gateway
from gateway_service.jobs.queue import QueueUnreachable
from gateway_service.settings import Settings
from gateway_service.storage.database import StorageFull
from tests.conftest import free_port
from tests.support.job_fixtures import job_spec, wait_until
from tests.support.job_processes import RedisServer
from tests.support.stub_services import StubServices


@pytest.fixture
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


def settings_of(
    services: StubServices, data_dir: Path, redis_url: str = "", database_url: str = ""
) -> Settings:
    urls: dict[str, Any] = {name.lower(): url for name, url in services.environment.items()}
    return Settings(
        **urls,
        data_dir=data_dir,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
    )


def close(gateway: Gateway) -> None:
    """Close it as the app does: in a worker thread of an event loop."""
    anyio.run(to_thread.run_sync, close_gateway, gateway)


@pytest.fixture
def gateway(services: StubServices, tmp_path: Path) -> Iterator[Gateway]:
    gateway = open_gateway(settings_of(services, tmp_path))
    yield gateway
    close(gateway)


def test_gateway_without_redis_is_ready_and_runs_jobs(gateway: Gateway) -> None:
    gateway.check_ready()
    job = gateway.jobs.create(job_spec())
    gateway.job_queue.wake()

    wait_until(lambda: gateway.jobs.find(job.id).status == "completed")


def test_gateway_on_a_full_disk_is_not_ready_and_rejects_jobs(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.storage, "has_space", lambda: False)

    with pytest.raises(StorageFull):
        gateway.check_ready()
    with pytest.raises(StorageFull):
        gateway.jobs.create(job_spec())


def test_queued_job_waits_for_an_unreachable_queue(
    services: StubServices, tmp_path: Path, redis_server: RedisServer
) -> None:
    gateway = open_gateway(settings_of(services, tmp_path, redis_server.url))
    job = gateway.jobs.create(job_spec())
    assert gateway.job_object(job).waiting_for is None

    redis_server.kill()
    wait_until(lambda: gateway.job_object(job).waiting_for is not None)

    with pytest.raises(QueueUnreachable):
        gateway.check_ready()
    assert "REDIS_URL" in (gateway.job_object(job).waiting_for or "")
    close(gateway)


def test_gateway_opens_while_its_database_is_unreachable(
    services: StubServices, tmp_path: Path
) -> None:
    url = f"mysql://user:password@127.0.0.1:{free_port()}/voices"

    gateway = open_gateway(settings_of(services, tmp_path, database_url=url))

    gateway.check_ready()  # an outage of the database does not need an operator
    close(gateway)
