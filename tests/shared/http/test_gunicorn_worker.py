"""gunicorn's worker class: uvicorn with the limits of all apps."""

import pytest

pytest.importorskip("gunicorn", reason="gunicorn needs Linux or macOS")

from gunicorn.util import load_class

from shared.http.gunicorn_worker import DrainingWorker
from shared.http.uvicorn_server import UVICORN_CONFIG
from shared.settings import REPOSITORY


def test_worker_has_the_limits_of_the_server() -> None:
    assert DrainingWorker.CONFIG_KWARGS.items() >= UVICORN_CONFIG.items()


def test_configuration_of_gunicorn_names_the_worker() -> None:
    name = f"{DrainingWorker.__module__}.{DrainingWorker.__name__}"
    assert f'worker_class = "{name}"' in (REPOSITORY / "gunicorn.conf.py").read_text()
    assert load_class(name) is DrainingWorker
