import socket
import ssl
import threading
from typing import Any

import pytest
import redis
from huey import MemoryHuey

from gateway_service.jobs.redis_queue import (
    is_reachable,
    message_sender,
    open_huey,
    redis_pool,
    run_next_message,
)
from gateway_service.storage.engine import StorageMisconfigured
from tests.conftest import free_port

URL = "rediss://:secret@127.0.0.1:6379/0"


@pytest.mark.parametrize(
    ("url", "checked", "mode"),
    [(URL, True, ssl.CERT_REQUIRED), (URL + "?ssl_cert_reqs=none", False, ssl.CERT_NONE)],
)
def test_certificate_is_verified_unless_the_url_disables_that(
    url: str, checked: bool, mode: ssl.VerifyMode
) -> None:
    connection = redis_pool(url).make_connection()

    assert isinstance(connection, redis.SSLConnection)
    assert connection.check_hostname == checked
    assert connection.cert_reqs == mode


@pytest.fixture
def huey() -> Any:
    return MemoryHuey("better", results=False)


def test_each_message_runs_the_task_once(huey: Any) -> None:
    runs: list[str] = []
    send = message_sender(huey, lambda: runs.append("run"))
    send()
    send()

    results = [run_next_message(huey) for _ in range(3)]

    assert results == [True, True, False]
    assert len(runs) == 2


def test_message_of_a_gateway_runs_in_a_worker(huey: Any) -> None:
    runs: list[str] = []
    worker = MemoryHuey("better", results=False)
    worker.storage = huey.storage
    message_sender(worker, lambda: runs.append("run"))

    message_sender(huey, None)()

    assert run_next_message(worker)
    assert runs == ["run"]


def test_unknown_message_is_dropped(huey: Any, caplog: pytest.LogCaptureFixture) -> None:
    other = MemoryHuey("better", results=False)
    other.storage = huey.storage
    message_sender(huey, lambda: pytest.fail("it is of another program"))
    other.task(name="other")(print)()

    assert run_next_message(huey)
    assert not run_next_message(huey)
    assert "unknown message" in caplog.text


def test_unreachable_redis_makes_the_caller_wait() -> None:
    huey = open_huey(f"redis://127.0.0.1:{free_port()}/0")

    assert run_next_message(huey) is False
    assert is_reachable(huey) is False


def test_server_that_is_not_a_redis_is_named_without_the_password() -> None:
    def respond(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=respond, args=[server])
        thread.start()
        url = f"redis://:secret@127.0.0.1:{server.getsockname()[1]}/0"
        with pytest.raises(StorageMisconfigured, match=r"check .* in REDIS_URL") as caught:
            is_reachable(open_huey(url))
        thread.join()
    assert "secret" not in str(caught.value)
