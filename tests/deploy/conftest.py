"""The Ray of two nodes that all tests marked `cluster` share."""

import shutil
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Service
from tests.support.job_processes import RedisServer
from tests.support.mariadb_server import MariaDB
from tests.support.ray_nodes import Nodes, running_nodes


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes that share a MariaDB and a Redis."""
    if missing := {"mariadbd", "redis-server"} - {
        name for name in ("mariadbd", "redis-server") if shutil.which(name)
    }:
        pytest.skip(f"{', '.join(sorted(missing))} is not on the PATH")
    mariadb = MariaDB(tmp_path_factory.mktemp("mariadb"))
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        mariadb.start()
        with running_nodes(
            tmp_path_factory.mktemp("data"), mariadb.new_database(), redis.url
        ) as nodes:
            yield nodes
    finally:
        mariadb.kill()
        redis.kill()


@pytest.fixture(scope="session")
def http(nodes: Nodes) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=nodes.url, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def service(nodes: Nodes) -> Iterator[Service]:
    """The apps behind Ray's proxy, for tests that other places run against gunicorn."""
    names = ["gateway", "encoder", "synthesizer", "vocoder"]
    urls = {name: nodes.url + ("" if name == "gateway" else f"/{name}") for name in names}
    clients = {name: httpx.Client(base_url=url, timeout=120) for name, url in urls.items()}
    yield clients.__getitem__
    for client in clients.values():
        client.close()
