import gc
from unittest.mock import Mock

import pytest
from uvicorn.config import Config
from uvicorn.server import Server

from shared.http.uvicorn_server import DrainingServer


@pytest.mark.anyio
async def test_collector_passes_over_what_a_started_app_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a collection over torch's objects holds up health calls."""

    async def start(self: Server, sockets: object = None) -> None:
        pass

    monkeypatch.setattr(Server, "startup", start)
    before = gc.get_freeze_count()
    try:
        await DrainingServer(Config(app="none"), Mock()).startup()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
