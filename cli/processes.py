"""Services as child processes, each run by the `web` line of the Procfile, as on Heroku.

An installed package has no Procfile, and runs gunicorn the same way; Windows has no gunicorn, and
runs uvicorn.

Honcho also runs Procfiles, but it kills requests after 5 s, and leaves children behind if a signal
arrives while it starts them.

ProcessError
├── PortTaken         a port is in use; nothing was started
├── ServiceDied       a service ended by itself
└── ServiceNotReady   a service was not ready in time
"""

import errno
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Self

import click
import httpx

from client.chain import Chain
from client.errors import ChainError
from client.settings import Settings as ClientSettings
from shared.operating_system import HAS_GUNICORN, ask_to_stop, kill_group, own_group
from shared.services import SERVICES, url_settings
from shared.settings import IS_INSTALLED, REPOSITORY
from shared.stop_signals import StopSignalOnce, stop_signals_held

GRACE_SECONDS = 30.0
"""Time for requests in progress (20 s) and for closing; gunicorn ends a service after 28 s."""
SHOWN_OF_LOG = 40  # lines


class ProcessError(Exception):
    pass


class PortTaken(ProcessError):
    pass


class ServiceDied(ProcessError):
    pass


class ServiceNotReady(ProcessError):
    pass


class ServiceProcesses:
    """Services that run while the context is open. No process is left when it closes.

    ports: by service. log: for their output, as in subprocess; standard error if None.
    root: the folder of the Procfile and the services. checkpoints: a folder of weights, in place of
    the configured one. settings: override the environment.
    """

    def __init__(
        self,
        ports: Mapping[str, int],
        host: str = "127.0.0.1",
        log: IO[bytes] | int | None = None,
        root: Path = REPOSITORY,
        checkpoints: Path | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.urls = {name: _url(host, port) for name, port in ports.items()}
        self._ports, self._host, self._log, self._root = dict(ports), host, log, root
        self._chosen = dict(settings)
        if checkpoints:
            self._chosen["CHECKPOINTS_DIR"] = str(checkpoints.resolve())
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._signals = StopSignalOnce()

    def __enter__(self) -> Self:
        """Start all services. Raises PortTaken before any of them is started."""
        for name, port in self._ports.items():
            check_port(f"the {name}", self._host, port, "--port-base")
        self._signals.install()
        try:
            # A signal between the start of a child and its entry here would lose the child.
            with stop_signals_held():
                for name in self._ports:
                    self._children[name] = self._start(name)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def client_settings(self) -> ClientSettings:
        """Settings of a client that calls these services, whatever the environment says."""
        addresses: dict[str, Any] = url_settings(self.urls)
        return ClientSettings(**{name.lower(): url for name, url in addresses.items()})

    @property
    def groups(self) -> dict[str, int]:
        """The process group of each service: gunicorn and its workers."""
        return {name: child.pid for name, child in self._children.items()}

    def check_alive(self) -> None:
        """Raises ServiceDied if a service has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise ServiceDied(f"the {name} {_ending(child.returncode)}")

    def wait_until_ready(self, seconds: float = 120.0) -> None:
        """Wait for /health/ready of every service. Raises ServiceDied or ServiceNotReady."""
        deadline = time.monotonic() + seconds
        with httpx.Client(timeout=5, trust_env=False) as http:
            for name, url in self.urls.items():
                while not _is_ready(http, url):
                    self.check_alive()
                    if time.monotonic() > deadline:
                        raise ServiceNotReady(f"the {name} was not ready in {seconds:g} s")
                    time.sleep(0.1)

    def watch(self) -> None:
        """Wait until a service ends, then raise ServiceDied."""
        while True:
            self.check_alive()
            time.sleep(0.2)

    def _stop(self) -> None:
        """Stop all services after their current requests.

        A second Ctrl-C or SIGTERM, more than a second after the first, stops them at once.
        """
        self._signals.hold()
        try:
            self._end_children()
        finally:
            self._signals.restore()

    def _end_children(self) -> None:
        for child in self._children.values():
            ask_to_stop(child)
        deadline = time.monotonic() + GRACE_SECONDS
        while self._any_runs() and not self._signals.is_impatient and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self._children.values():
            kill_group(child)  # orphaned workers stay in the group of their master
            child.wait()

    def _any_runs(self) -> bool:
        return any(child.poll() is None for child in self._children.values())

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        environment = os.environ | url_settings(self.urls) | self._chosen
        environment["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]
        )
        environment |= {
            "SERVICE": name,
            "PORT": str(self._ports[name]),
            "BIND_HOST": self._host,
        }
        return subprocess.Popen(
            _web_command(self._root),
            cwd=None if IS_INSTALLED else self._root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            **own_group(),  # so that Ctrl-C reaches only us, and the group can be killed
        )


def _ending(code: int) -> str:
    if code == -9:
        return "was killed (SIGKILL); free memory if the machine ran out of it"
    return f"ended with exit code {code}; its log says why"


@contextmanager
def ready_services(
    names: Iterable[str],
    checkpoints: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ServiceProcesses]:
    """Services on free ports, ready for requests.

    If they fail, the end of their log is shown. checkpoints, settings: see ServiceProcesses.
    Raises ProcessError.
    """
    with (
        tempfile.TemporaryFile() as log,
        ServiceProcesses(
            free_ports(names), log=log, checkpoints=checkpoints, settings=settings
        ) as services,
    ):
        try:
            services.wait_until_ready()
            yield services
        except (ProcessError, ChainError):
            log.seek(0)
            lines = log.read().decode(errors="replace").splitlines()
            click.echo("\n".join(lines[-SHOWN_OF_LOG:]), err=True)
            raise


@contextmanager
def ready_chain(checkpoints: Path, vocoder: str) -> Iterator[Chain]:
    """A client of the services, which run with these checkpoints and this network of the vocoder.

    Raises ProcessError.
    """
    with (
        ready_services(SERVICES, checkpoints, {"VOCODER": vocoder}) as services,
        Chain(settings=services.client_settings()) as chain,
    ):
        yield chain


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A free port of the loopback for each service."""
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: taken.getsockname()[1] for name, taken in sockets.items()}
    for taken in sockets.values():
        taken.close()
    return ports


def _web_command(root: Path) -> list[str]:
    if not HAS_GUNICORN:
        return [sys.executable, "-m", "shared.http.uvicorn_process"]
    if IS_INSTALLED:
        return [sys.executable, "-m", "gunicorn", "--config", str(root / "gunicorn.conf.py")]
    procfile = root / "Procfile"
    for line in procfile.read_text().splitlines():
        kind, _, command = line.partition(":")
        if kind == "web":
            return shlex.split(command)
    raise ProcessError(f"{procfile} has no line for web")


def _url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def check_port(what: str, host: str, port: int, option: str) -> None:
    """Raises PortTaken, with the option that sets another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"is taken; stop the other program, or choose another with {option}"
        else:
            reason = f"cannot be used: {os.strerror(error.errno) if error.errno else error}"
        raise PortTaken(f"port {port} on {host}, for {what}, {reason}") from None


def _is_ready(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
