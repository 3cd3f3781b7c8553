"""An app under uvicorn alone, where gunicorn does not run, as on Windows.

`python -m shared.http.uvicorn_process` reads the same environment as gunicorn.conf.py, and gives an
app the same limits, drain and log. WORKERS is not read: there is one process.
"""

import logging.config
import sys
from functools import partial
from importlib import import_module

from uvicorn.config import Config

from shared.http.server_settings import KEEPALIVE_SECONDS, read_server_settings
from shared.http.uvicorn_server import UVICORN_CONFIG, DrainingServer, TimeoutProtocol
from shared.settings import REPOSITORY


def main() -> None:
    server = read_server_settings(REPOSITORY)
    logging.config.dictConfig(server.log_config())
    server.check_app_settings()
    module, _, name = server.app.partition(":")
    app = getattr(import_module(module), name)
    config = Config(
        app,
        host=server.host,
        port=server.port,
        http=partial(TimeoutProtocol, app.state),  # type: ignore[arg-type]  # called as a class is
        lifespan="on",
        log_config=None,
        timeout_keep_alive=KEEPALIVE_SECONDS,
        **UVICORN_CONFIG,
    )
    running = DrainingServer(config, app.state)
    running.run()
    if not running.started:
        sys.exit(1)


if __name__ == "__main__":
    main()
