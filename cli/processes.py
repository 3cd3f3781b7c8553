"""The services as child processes, run by the Procfile's `web` line as Heroku does it.

Honcho, which runs Procfiles too, kills after 5 s what still answers a request, and leaves its
children behind when a signal arrives while it starts them.

ProcessError
├── PortTaken       nothing was started
├── ServiceDied     one ended by itself
└── ServiceNotReady
"""

import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Self

import click
import httpx

from client.chain import Chain
from client.errors import ChainError
from shared.settings import REPOSITORY
from shared.stop_signals import StopSignalOnce, stop_signals_held

PORT_OFFSETS = {"gateway": 0, "encoder": 1, "synthesizer": 2, "vocoder": 3}
SERVICES = ["encoder", "synthesizer", "vocoder"]
GRACE_SECONDS = 30.0
"""For requests under way, 20 s, and what the apps then close; gunicorn.conf.py ends all at 28."""
SHOWN_OF_LOG = 40  # lines


class ProcessError(Exception):
    pass


class PortTaken(ProcessError):
    pass


class ServiceDied(ProcessError):
    pass


class ServiceNotReady(ProcessError):
    pass


def installed_services(root: Path = REPOSITORY) -> list[str]:
    return [name for name in PORT_OFFSETS if (root / f"{name}_service" / "app.py").exists()]


class ServiceProcesses:
    """Runs while the context is open; when it closes, nothing that was started is left.

    ports: by service. log: where they write to, as subprocess takes it; standard error if None.
    root: the folder of the Procfile and the services. checkpoints: a folder of weights other than
    the one that they are set to. settings: go before those of the environment.
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
        """Raises PortTaken before anything is started."""
        for name, port in self._ports.items():
            check_port(f"the {name}", self._host, port, "--port-base")
        self._signals.install()
        try:
            # A child between its start and its entry in the table would be forgotten.
            with stop_signals_held():
                for name in self._ports:
                    self._children[name] = self._start(name)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def groups(self) -> dict[str, int]:
        """Process group of each service: gunicorn and its workers."""
        return {name: child.pid for name, child in self._children.items()}

    def check_alive(self) -> None:
        """Raises ServiceDied."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise ServiceDied(
                    f"the {name} ended with exit code {child.returncode}; its log says why"
                )

    def wait_until_ready(self, seconds: float = 120.0) -> None:
        """Returns when all answer /health/ready. Raises ServiceDied or ServiceNotReady."""
        deadline = time.monotonic() + seconds
        with httpx.Client(timeout=5, trust_env=False) as http:
            for name, url in self.urls.items():
                while not _is_ready(http, url):
                    self.check_alive()
                    if time.monotonic() > deadline:
                        raise ServiceNotReady(f"the {name} was not ready in {seconds:g} s")
                    time.sleep(0.1)

    def watch(self) -> None:
        """Returns never; raises ServiceDied as soon as one ends."""
        while True:
            self.check_alive()
            time.sleep(0.2)

    def _stop(self) -> None:
        """Lets requests under way end; a Ctrl-C or SIGTERM that arrives more than a second after
        the first does not wait for them."""
        self._signals.hold()
        try:
            self._end_children()
        finally:
            self._signals.restore()

    def _end_children(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        while self._any_runs() and not self._signals.is_impatient and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in self._children.values():
            with suppress(ProcessLookupError):  # workers whose master died stay in its group
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _any_runs(self) -> bool:
        return any(child.poll() is None for child in self._children.values())

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        addresses = {f"{other.upper()}_URL": url for other, url in self.urls.items()}
        environment = os.environ | addresses | self._chosen
        environment["PATH"] = os.pathsep.join(
            [str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]
        )
        environment |= {
            "SERVICE": name,
            "PORT": str(self._ports[name]),
            "BIND_HOST": self._host,
        }
        return subprocess.Popen(
            _web_command(self._root / "Procfile"),
            cwd=self._root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,  # so that Ctrl-C reaches us alone, and leftovers can be found
        )


@contextmanager
def ready_services(
    names: list[str],
    checkpoints: Path | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[ServiceProcesses]:
    """On free ports, so that others may run beside them; if they fail, the end of their log is
    shown. checkpoints, settings: as ServiceProcesses takes them. Raises ProcessError."""
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
    """A client of the three services, started with a folder of weights and one of the vocoder's
    networks. Raises ProcessError."""
    with (
        ready_services(SERVICES, checkpoints, {"VOCODER": vocoder}) as services,
        Chain(*(services.urls[name] for name in SERVICES)) as chain,
    ):
        yield chain


def free_ports(names: list[str]) -> dict[str, int]:
    """Ports of the loopback that nothing listens on, by service."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return dict(zip(names, ports, strict=True))


def _web_command(procfile: Path) -> list[str]:
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
            reason = f"is taken; stop what listens there, or choose others with {option}"
        else:
            reason = f"cannot be used: {os.strerror(error.errno) if error.errno else error}"
        raise PortTaken(f"port {port} on {host}, for {what}, {reason}") from None


def _is_ready(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(f"{url}/health/ready").is_success
    except httpx.TransportError:
        return False
