"""Jobs survive the death of every process that runs them."""

import io
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from itertools import chain as joined
from pathlib import Path

import pytest

from client.chain import Chain
from client.options import SpeechOptions
from gateway_service.speech import speaking
from gateway_service.speech.encoding import encode
from shared.voices import sample_embeds
from tests.conftest import REPOSITORY, free_port
from tests.support.epubs import many_chapters
from tests.support.job_fixtures import wait_until
from tests.support.job_processes import GatewayProcess, RedisServer, WorkerProcess
from tests.support.mariadb_server import MariaDB
from tests.support.stub_services import Refusal, StubServices

SENTENCES = ["One.", "It is two.", "This makes three.", "Four.", "We are at five.", "Six is it."]
TEXT = " ".join(SENTENCES)
SHORT_LEASE, LONG_LEASE = "1.5", "600"  # seconds


class HeldVocoder:
    """Holds the vocoder in the middle of a sentence until it is released."""

    def __init__(self, services: StubServices, sentence: int) -> None:
        self._vocoder = services.vocoder
        self._sentence = sentence
        self._reached, self._released = threading.Event(), threading.Event()
        services.vocoder.before_part = self._hold

    def _hold(self) -> None:
        if len(self._vocoder.requests) == self._sentence and not self._released.is_set():
            self._reached.set()
            self._released.wait(120)

    def wait(self) -> None:
        assert self._reached.wait(60)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def services() -> Iterator[StubServices]:
    with StubServices() as services:
        yield services


@pytest.fixture
def third(services: StubServices) -> Iterator[HeldVocoder]:
    held = HeldVocoder(services, sentence=3)
    yield held
    held.release()


@pytest.fixture
def environment(services: StubServices, tmp_path: Path) -> dict[str, str]:
    return {
        **services.environment,
        "DATA_DIR": str(tmp_path / "data"),
        "JOB_LEASE_SECONDS": SHORT_LEASE,
        "JOB_SWEEP_SECONDS": "0.2",
    }


@pytest.fixture
def expected_sound() -> Callable[[], bytes]:
    """The sound of the whole text, each sentence once."""

    def make() -> bytes:
        with StubServices() as others:
            chain = Chain(others.encoder.url, others.synthesizer.url, others.vocoder.url)
            voice = sample_embeds()["rowan"]
            options = SpeechOptions(seed=1)
            pieces = speaking.pieces_of(TEXT)
            said = (speaking.say(chain, piece, voice, options) for piece in pieces)
            sound = b"".join(encode(joined.from_iterable(said), "pcm"))
            chain.close()
        return sound

    return make


def test_killed_gateway_continues_where_it_stopped(
    database_url: str,
    environment: dict[str, str],
    services: StubServices,
    third: HeldVocoder,
    expected_sound: Callable[[], bytes],
) -> None:
    environment["DATABASE_URL"] = database_url
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        third.wait()
        gateway.kill()
    third.release()

    with GatewayProcess(**environment) as gateway:
        job = gateway.wait_for(job_id)

        assert (job["state"], job["progress"]["done"]) == ("completed", 6)
        assert gateway.audio(job_id) == expected_sound()
    assert services.synthesizer.texts == [*SENTENCES[:3], *SENTENCES[2:]]


def test_stopped_gateway_releases_its_job(
    environment: dict[str, str],
    services: StubServices,
    third: HeldVocoder,
    expected_sound: Callable[[], bytes],
) -> None:
    environment["JOB_LEASE_SECONDS"] = LONG_LEASE
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        third.wait()
        with gateway.http.stream("GET", f"/v1/jobs/{job_id}/events") as events:
            next(events.iter_bytes())
            gateway.stop()
    third.release()

    with GatewayProcess(**environment) as gateway:
        assert gateway.wait_for(job_id)["state"] == "completed"
        assert gateway.audio(job_id) == expected_sound()


def test_processes_of_one_gateway_run_each_job_once(
    environment: dict[str, str], services: StubServices, expected_sound: Callable[[], bytes]
) -> None:
    with GatewayProcess(WORKERS="3", **environment) as gateway:
        created = [gateway.create_job(TEXT) for _ in range(4)]

        for job_id in created:
            assert gateway.wait_for(job_id)["state"] == "completed"
            assert gateway.audio(job_id) == expected_sound()
    assert sorted(services.synthesizer.texts) == sorted(SENTENCES * 4)


def test_job_waits_for_an_unreachable_service(
    environment: dict[str, str], services: StubServices, expected_sound: Callable[[], bytes]
) -> None:
    services.vocoder.refusal = Refusal(503)
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        wait_until(lambda: gateway.job(job_id)["waiting_for"] is not None)
        assert "vocoder" in gateway.job(job_id)["waiting_for"]

        services.vocoder.refusal = None

        assert gateway.wait_for(job_id)["state"] == "completed"
        assert gateway.job(job_id)["waiting_for"] is None
        assert gateway.audio(job_id) == expected_sound()


def test_job_survives_an_outage_of_the_database(
    environment: dict[str, str],
    third: HeldVocoder,
    mariadb: MariaDB,
    expected_sound: Callable[[], bytes],
) -> None:
    environment["DATABASE_URL"] = mariadb.new_database()
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        third.wait()
        mariadb.kill()
        third.release()
        assert gateway.http.get(f"/v1/jobs/{job_id}").status_code == 503

        mariadb.start()

        assert gateway.wait_for(job_id)["state"] == "completed"
        assert gateway.audio(job_id) == expected_sound()


def test_gateway_with_redis_runs_no_jobs(
    environment: dict[str, str], services: StubServices, redis_server: RedisServer
) -> None:
    environment["REDIS_URL"] = redis_server.url
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        wait_until(lambda: redis_server.messages() == 1)
        gateway.stop()
    assert services.synthesizer.requests == []

    with WorkerProcess(**environment), GatewayProcess(**environment) as gateway:
        assert gateway.wait_for(job_id)["state"] == "completed"


def test_job_of_a_killed_worker_continues_in_another(
    database_url: str,
    environment: dict[str, str],
    services: StubServices,
    third: HeldVocoder,
    redis_server: RedisServer,
    expected_sound: Callable[[], bytes],
) -> None:
    environment |= {"REDIS_URL": redis_server.url, "DATABASE_URL": database_url}
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        with WorkerProcess(**environment) as worker:
            third.wait()
            worker.kill()
        third.release()

        with WorkerProcess(**environment):
            assert gateway.wait_for(job_id)["state"] == "completed"
        assert gateway.audio(job_id) == expected_sound()
    assert services.synthesizer.texts == [*SENTENCES[:3], *SENTENCES[2:]]


def test_stopped_worker_releases_its_job(
    environment: dict[str, str],
    third: HeldVocoder,
    redis_server: RedisServer,
    expected_sound: Callable[[], bytes],
) -> None:
    environment |= {"REDIS_URL": redis_server.url, "JOB_LEASE_SECONDS": LONG_LEASE}
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        with WorkerProcess(**environment) as worker:
            third.wait()
            assert worker.stop() == 0
        assert gateway.job(job_id)["state"] == "queued"
        third.release()

        with WorkerProcess(**environment):
            assert gateway.wait_for(job_id)["state"] == "completed"
        assert gateway.audio(job_id) == expected_sound()


def test_worker_stops_while_a_service_hangs(
    environment: dict[str, str], services: StubServices, redis_server: RedisServer
) -> None:
    environment |= {"REDIS_URL": redis_server.url, "JOB_LEASE_SECONDS": LONG_LEASE}
    called, released = threading.Event(), threading.Event()

    def hang(path: str) -> None:
        called.set()
        released.wait(120)

    services.synthesizer.before = hang
    with GatewayProcess(**environment) as gateway:
        job_id = gateway.create_job(TEXT)
        with WorkerProcess(**environment) as worker:
            assert called.wait(60)
            assert worker.stop() == 0
        released.set()

        assert gateway.job(job_id)["state"] == "queued"


def test_jobs_survive_an_outage_of_redis(
    environment: dict[str, str],
    third: HeldVocoder,
    redis_server: RedisServer,
    expected_sound: Callable[[], bytes],
) -> None:
    environment["REDIS_URL"] = redis_server.url
    with GatewayProcess(**environment) as gateway, WorkerProcess(**environment):
        running = gateway.create_job(TEXT)
        third.wait()
        waiting = gateway.create_job(TEXT)
        redis_server.kill()
        third.release()
        assert gateway.wait_for(running)["state"] == "completed"
        created_meanwhile = gateway.create_job(TEXT)

        redis_server.start()

        for job_id in [waiting, created_meanwhile]:
            assert gateway.wait_for(job_id)["state"] == "completed"
        for job_id in [running, waiting, created_meanwhile]:
            assert gateway.audio(job_id) == expected_sound()


def test_unreachable_redis_is_reported_and_jobs_wait(
    environment: dict[str, str], redis_server: RedisServer
) -> None:
    environment["REDIS_URL"] = redis_server.url
    with GatewayProcess(**environment) as gateway:
        redis_server.kill()
        job_id = gateway.create_job(TEXT)
        wait_until(lambda: gateway.http.get("/health/ready").status_code == 503)

        not_ready = gateway.http.get("/health/ready").json()["error"]
        assert not_ready["code"] == "queue_unreachable"
        assert "REDIS_URL" in gateway.job(job_id)["waiting_for"]
        metrics = gateway.http.get("/metrics").text
        (waits,) = re.findall(r"^job_oldest_due_seconds (\S+)$", metrics, re.M)
        assert float(waits) > 0

        redis_server.start()

        wait_until(lambda: gateway.http.get("/health/ready").status_code == 200)
        assert gateway.job(job_id)["waiting_for"] is None


def test_gateway_does_not_start_with_a_wrong_redis_password(
    environment: dict[str, str], redis_server: RedisServer
) -> None:
    redis_server.require_password("secret")
    url = redis_server.url.replace("//", "//:wrong@")
    own = {"SERVICE": "gateway", "BIND_HOST": "127.0.0.1", "PORT": str(free_port())}
    command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]

    result = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **own, **environment, "REDIS_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode != 0
    assert sum("REDIS_URL" in line for line in result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert "wrong@" not in result.stderr


def test_book_of_a_killed_gateway_has_the_same_chapters(
    environment: dict[str, str], services: StubServices
) -> None:
    book = many_chapters(20, "It rained. Then it stopped.")

    def create(gateway: GatewayProcess) -> str:
        answer = gateway.http.post(
            "/v1/jobs",
            data={"voice": "rowan", "response_format": "zip", "seed": "1"},
            files={"file": ("book.epub", book)},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    with GatewayProcess(**environment) as gateway:
        whole = create(gateway)
        assert gateway.wait_for(whole)["state"] == "completed"
        expected = gateway.audio(whole)
        held = HeldVocoder(services, sentence=len(services.vocoder.requests) + 37)
        killed = create(gateway)
        held.wait()
        done = [chapter["done"] for chapter in gateway.job(killed)["chapters"]]
        gateway.kill()
    held.release()

    with GatewayProcess(**environment) as gateway:
        assert gateway.wait_for(killed)["state"] == "completed"
        with (
            zipfile.ZipFile(io.BytesIO(expected)) as uninterrupted,
            zipfile.ZipFile(io.BytesIO(gateway.audio(killed))) as resumed,
        ):
            assert len(resumed.namelist()) == 20
            for name in uninterrupted.namelist():
                assert resumed.read(name) == uninterrupted.read(name)
    assert 0 < sum(done) < 60
    spoken = services.synthesizer.texts[60:]
    assert len(spoken) <= 62  # the sentence at which it was killed, and the one behind it, again
