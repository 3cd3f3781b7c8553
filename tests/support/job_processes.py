"""Gateways, workers and Redis as processes that tests can kill, with all their children."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import redis

from tests.conftest import REPOSITORY, free_port
from tests.support.job_fixtures import wait_until

FINAL = {"completed", "failed", "cancelled"}


class ChildProcess:
    """with ChildProcess(command): ... The block ends by killing the process group."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, **environment}, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill the whole process group, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Stop it with SIGTERM, within gunicorn's grace period. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


class GatewayProcess(ChildProcess):
    def __init__(self, **environment: str) -> None:
        port = free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        own = {"SERVICE": "gateway", "BIND_HOST": "127.0.0.1", "PORT": str(port)}
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        super().__init__(command, **own, **environment)
        wait_until(self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None
        try:
            return self.http.get("/health/ready").is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        super().kill()
        self.http.close()

    def create_job(self, text: str) -> str:
        body = {"input": text, "voice": "rowan", "response_format": "pcm", "seed": 1}
        answer = self.http.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return job

    def wait_for(self, job_id: str) -> dict[str, Any]:
        """Wait for the final state of a job and return the job. Errors 503 are ignored."""

        def is_final() -> bool:
            answer = self.http.get(f"/v1/jobs/{job_id}")
            return answer.is_success and answer.json()["state"] in FINAL

        wait_until(is_final, seconds=120)
        return self.job(job_id)

    def audio(self, job_id: str) -> bytes:
        return self.http.get(f"/v1/jobs/{job_id}/audio").raise_for_status().content


class WorkerProcess(ChildProcess):
    def __init__(self, **environment: str) -> None:
        super().__init__([sys.executable, "-m", "cli", "worker"], **environment)


class RedisServer:
    """A Redis without persistence: it starts empty."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            ["redis-server", *options, "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None
        with redis.Redis.from_url(self.url) as client, suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    def require_password(self, password: str) -> None:
        """Require a password for new connections."""
        with redis.Redis.from_url(self.url) as client:
            client.config_set("requirepass", password)

    def messages(self) -> int:
        """The length of the job queue."""
        with redis.Redis.from_url(self.url) as client:
            return int(client.llen("huey.redis.better"))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
