"""JSON cost of a hop: requests to the real apps, with a constant instead of a model."""

import http.client
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel

import encoder_service.schemas
import synthesizer_service.schemas
import vocoder_service.schemas
from benchmarks.results import MILLISECONDS, Row, Table, ratios, seconds_side_by_side
from benchmarks.stub_apps import constant_mel, constant_wav
from cli.processes import free_ports
from shared.audio.mel import MEL_FORMAT
from shared.http.json_routes import ArrayResponse, parse_json
from shared.settings import REPOSITORY

MAX_MS = 10
CPU_CALLS = 50  # CPU time has a resolution of 10 ms
RATE = MEL_FORMAT.sample_rate


class PlainWav(BaseModel):
    wav: list[float]
    sr: int


class PlainSpec(BaseModel):
    spec: list[list[float]]
    sr: int


class PlainText(BaseModel):
    text: str
    embed: list[float]


@dataclass(frozen=True)
class Hop:
    """One call: its request, its response, and the models that validate it, ours and plain."""

    name: str
    service: str
    path: str
    body: bytes
    answer: dict[str, Any]
    model: type[BaseModel]
    plain_model: type[BaseModel]

    def parts(self) -> dict[str, Callable[[], object]]:
        """The route's JSON work by step, and the same with pydantic and json alone."""
        parsed = parse_json(self.body)
        return {
            "parse": partial(parse_json, self.body),
            "check": partial(self.model.model_validate, parsed),
            "serialise": partial(ArrayResponse, self.answer),
            "plain json + pydantic": self._plain,
        }

    def _plain(self) -> str:
        self.plain_model.model_validate(json.loads(self.body))
        return json.dumps({name: _as_lists(value) for name, value in self.answer.items()})


def hops() -> list[Hop]:
    wav, mel = constant_wav(), constant_mel()
    sound = {"wav": wav, "sr": RATE}
    text = {"text": "Hello, this is my voice.", "embed": wav[:256]}
    encoder = partial(
        Hop,
        service="encoder",
        path="/preprocess/",
        answer=sound,
        model=encoder_service.schemas.WavRequest,
        plain_model=PlainWav,
    )
    return [
        encoder("wav in, wav out", body=_dumps(sound)),
        # Python writes a float32 with 17 digits, as a float, instead of 8.
        encoder("wav in (17 digits), wav out", body=json.dumps(_lists(sound)).encode()),
        Hop(
            "text in, mel out",
            "synthesizer",
            "/inference/",
            _dumps(text),
            {"spec": mel},
            synthesizer_service.schemas.TextRequest,
            PlainText,
        ),
        Hop(
            "mel in, wav out",
            "vocoder",
            "/inference/",
            _dumps({"spec": mel, "sr": RATE}),
            sound,
            vocoder_service.schemas.SpecRequest,
            PlainSpec,
        ),
    ]


def measure(runs: int) -> Table:
    rows = [row for hop in hops() for row in _rows(hop, runs)]
    note = (
        "5 s of sound (80,000 samples) and its mel [80][400] through the real apps over loopback, "
        "the model replaced by a constant; the plain way is timed without HTTP"
    )
    return Table("JSON cost of a hop", note, rows)


def _rows(hop: Hop, runs: int) -> Iterator[Row]:
    with serving(hop.service) as connection:
        parts = hop.parts()
        call = partial(_call, connection, hop)
        whole, *seconds = seconds_side_by_side([call, *parts.values()], runs)
        cpu_seconds = _cpu_seconds(connection, call)
    yield _milliseconds(f"{hop.name}: whole request", whole, limit=MAX_MS)
    yield _milliseconds(f"{hop.name}: CPU time of the server", [cpu_seconds])
    for name, part in zip(parts, seconds, strict=True):
        yield _milliseconds(f"{hop.name}: {name}", part)
    yield Row(f"{hop.name}: plain / whole request", "×", ratios(seconds[-1], whole))


def _milliseconds(name: str, seconds: Sequence[float], limit: float | None = None) -> Row:
    return Row(name, "ms", [run * MILLISECONDS for run in seconds], limit)


def _cpu_seconds(connection: http.client.HTTPConnection, call: Callable[[], None]) -> float:
    """CPU seconds per call, which depend least on the machine's load."""
    before = _cpu_total(connection)
    for _ in range(CPU_CALLS):
        call()
    return (_cpu_total(connection) - before) / CPU_CALLS


def _cpu_total(connection: http.client.HTTPConnection) -> float:
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    found = re.search(r"^process_cpu_seconds_total (\S+)", metrics, re.MULTILINE)
    return float(found[1]) if found else math.nan  # needs /proc


def _call(connection: http.client.HTTPConnection, hop: Hop) -> None:
    connection.request("POST", hop.path, hop.body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{hop.name}: {response.status} {answer[:500]!r}")


@contextmanager
def serving(service: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to the service's stub app, which runs in its own process."""
    port = free_ports([service])[service]
    app = f"benchmarks.stub_apps:{service}"
    options = ["--factory", "--port", str(port), "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", app, *options]
    with subprocess.Popen(command, cwd=REPOSITORY) as server:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            _connect(connection, server)
            yield connection
        finally:
            connection.close()
            server.terminate()


def _connect(connection: http.client.HTTPConnection, server: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            return connection.connect()
        except ConnectionRefusedError:
            if server.poll() is not None:
                raise
            time.sleep(0.05)


def _dumps(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def _lists(content: dict[str, Any]) -> dict[str, Any]:
    return {name: _as_lists(value) for name, value in content.items()}


def _as_lists(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
