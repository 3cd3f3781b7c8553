"""A MariaDB for tests, on a loopback port."""

import subprocess
import time
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.conftest import free_port

START_SECONDS = 60
_AS_ROOT = "--user=root"  # required for root, ignored for other users
USER, PASSWORD = "better", "secret-5f3a"


class MariaDB:
    """A server that can be killed and started again with the same data and port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data"]
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", _AS_ROOT]
        installed = subprocess.run([*install, *options], capture_output=True, text=True)
        assert installed.returncode == 0, installed.stdout + installed.stderr
        user = f"'{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'"
        (folder / "users.sql").write_text(f"GRANT ALL ON *.* TO {user};\n")

    def start(self) -> None:
        if self._process is not None:
            return
        folder = self._folder
        self._process = subprocess.Popen(
            [
                *("mariadbd", "--no-defaults", f"--datadir={folder}/data", _AS_ROOT),
                *("--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={folder}/socket"),
                *(f"--pid-file={folder}/pid", f"--init-file={folder}/users.sql"),
                "--innodb-flush-log-at-trx-commit=2",
                f"--log-error={folder}/log",
            ]
        )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                return self.execute("SELECT 1")
            except OperationalError:
                time.sleep(0.05)
        pytest.fail((self._folder / "log").read_text())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        # The tables must not depend on the server's default character set.
        self.execute(f"CREATE DATABASE {name} CHARACTER SET latin1")
        return self.url(name)

    def url(self, database: str = "") -> str:
        address = URL.create(
            "mysql+pymysql", USER, PASSWORD, "127.0.0.1", self.port, database or None
        )
        return address.render_as_string(hide_password=False)

    def execute(self, statement: str) -> None:
        engine = create_engine(self.url(), poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text(statement))
