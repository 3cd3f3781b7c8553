import gc
from unittest.mock import Mock

import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from shared.http.uvicorn_server import DrainingServer


@pytest.mark.anyio
async def test_garbage_collector_skips_objects_of_a_started_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a collection of torch's objects delays health probes."""

    async def start(self: Server, sockets: object = None) -> None:
        pass

    monkeypatch.setattr(Server, "startup", start)
    before = gc.get_freeze_count()
    try:
        await DrainingServer(Config(app="none"), Mock()).startup()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
