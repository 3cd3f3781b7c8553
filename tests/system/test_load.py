"""Load and soak tests: ten times the capacity, and hundreds of good, bad and cancelled requests.

Responses are right, rejections are correct, and memory and descriptors do not grow.

SOAK_REQUESTS   to all four apps together; default 2000
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from benchmarks.load import drive
from benchmarks.load_client import Request
from benchmarks.loads import JSON
from shared.voices import sample_clip, sample_embeds
from tests.conftest import running
from tests.support.leaving_clients import Leaver, wait_until
from tests.support.stub_services import StubServices

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "2000"))
CLIENTS = 6
GROWTH_MB = 32  # of 10^6 bytes: the allocator's reserve varies by that much
FEW = 5  # descriptors of closing connections

EMBED = sample_embeds()["rowan"].tolist()
CLIP = sample_clip(seconds=2)
WAV = CLIP.wav.round(3).tolist()
BROKEN = [b"", b"{", b"[]", b'{"spec": NaN}', b'{"wav": [1e999], "sr": 16000}', b"\xff\xfe"]


@dataclass(frozen=True)
class Plan:
    """good: a body with a deterministic 200. long: a body whose clients do not wait.

    share: fraction of all requests, smaller for slower apps.
    """

    path: str
    share: float
    good: dict[str, Any]
    long: dict[str, Any]
    bad: list[dict[str, Any]]
    settings: dict[str, str] = field(default_factory=dict)


PLACES = 1 + 8
SMALL = {"CONCURRENCY": "1", "QUEUE_LIMIT": str(PLACES - 1)}
PLANS = {
    "encoder": Plan(
        "/inference/",
        0.05,
        good={"wav": WAV, "sr": CLIP.rate},
        long={"wav": WAV * 2, "sr": CLIP.rate},
        bad=[{"wav": [], "sr": 16_000}, {"wav": [[1]], "sr": 1}, {"wav": WAV, "sr": -1}],
    ),
    "synthesizer": Plan(
        "/inference/",
        0.05,
        good={"text": "Hm.", "embed": EMBED, "seed": 1},
        long={"text": "This is a longer sentence, for nobody.", "embed": EMBED},
        bad=[{"text": "", "embed": EMBED}, {"text": "?!", "embed": EMBED}, {"text": "a"}],
        settings={"MAX_FRAMES": "250"},
    ),
    "vocoder": Plan(
        "/inference/",
        0.7,
        good={"spec": np.zeros((80, 2), int).tolist(), "seed": 1},
        long={"spec": np.zeros((80, 40), int).tolist()},
        bad=[{"spec": [[1]]}, {"spec": []}, {"spec": np.full((80, 2), 99).tolist()}],
    ),
    "gateway": Plan(
        "/v1/audio/speech",
        0.2,
        good={"input": "Hm.", "voice": "rowan", "seed": 1},
        long={"input": "This is a longer text. " * 9, "voice": "rowan"},
        bad=[{"input": "", "voice": "rowan"}, {"input": "a", "voice": "nobody"}, {"input": 1}],
    ),
}


@contextmanager
def app(name: str, folder: Path) -> Iterator[str]:
    settings = SMALL | PLANS[name].settings
    if name != "gateway":
        with running(name, **settings) as url:
            yield url
        return
    with StubServices() as services:
        own = {"DATA_DIR": str(folder), "DATABASE_URL": "", **services.environment}
        with running(name, **settings, **own) as url:
            yield url


class Soak:
    def __init__(self, url: str, plan: Plan) -> None:
        self.url, self.plan = url, plan
        limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
        self.http = httpx.Client(base_url=url, timeout=120, limits=limits)
        self.good_body, self.long_body = orjson.dumps(plan.good), orjson.dumps(plan.long)
        self.expected = self.post(self.good_body).raise_for_status().content
        self.outcomes: Counter[str] = Counter()

    def post(self, content: bytes, kind: str = "application/json") -> httpx.Response:
        return self.http.post(self.plan.path, content=content, headers={"Content-Type": kind})

    def run(self, requests: int) -> None:
        draw = random.Random(requests)
        kinds = [self.good, self.bad, self.broken, self.vanish, self.vanish_midway]
        with ThreadPoolExecutor(CLIENTS) as pool:
            work = [pool.submit(draw.choice(kinds), random.Random(i)) for i in range(requests)]
        for request in work:
            self.outcomes[request.result()] += 1
        wait_until(lambda: self.metric("queue_length") == 0)
        answer = self.post(self.good_body)
        assert (answer.status_code, answer.content) == (200, self.expected)

    def good(self, draw: random.Random) -> str:
        answer = self.post(self.good_body)
        if answer.status_code != 200:
            return self._refused(answer)
        assert answer.content == self.expected
        return "answered"

    def bad(self, draw: random.Random) -> str:
        answer = self.post(orjson.dumps(draw.choice(self.plan.bad)))
        if answer.status_code == 429:
            return self._refused(answer)
        assert answer.status_code in (400, 404, 413), answer.text
        return "rejected"

    def broken(self, draw: random.Random) -> str:
        kind = draw.choice(["application/json", "text/plain", "audio/wav", "multipart/form-data"])
        answer = self.post(draw.choice(BROKEN), kind)
        if answer.status_code == 429:
            return self._refused(answer)
        assert answer.status_code in (400, 415), answer.text
        return "rejected"

    def vanish(self, draw: random.Random) -> str:
        Leaver(self.url, self.plan.path, self.long_body).leave()
        return "vanished"

    def vanish_midway(self, draw: random.Random) -> str:
        """Disconnect after the first bytes of the response."""
        headers = {"Content-Type": "application/json"}
        with self.http.stream(
            "POST", self.plan.path, content=self.long_body, headers=headers
        ) as answer:
            assert answer.status_code in (200, 429)
            next(answer.iter_raw(), b"")
        return "vanished"

    def _refused(self, answer: httpx.Response) -> str:
        assert answer.status_code == 429, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
        return "refused"

    def metric(self, name: str) -> float:
        for line in self.http.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        pytest.skip(f"{name} is not told here")


@pytest.fixture(scope="module", params=PLANS)
def soak(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Soak]:
    with app(request.param, tmp_path_factory.mktemp("data")) as url:
        soak = Soak(url, PLANS[request.param])
        yield soak
        soak.http.close()


def test_tenfold_load_is_served_or_rejected_correctly(soak: Soak) -> None:
    request = Request(soak.plan.path, soak.good_body, JSON)
    at_once = [0.0] * (10 * PLACES)
    runs = [drive(soak.url, request, at_once) for _ in range(3)]
    for run in runs:
        assert sum(run.statuses.values()) == len(at_once)
        assert set(run.statuses) <= {200, 429, 503, 504}
        assert run.statuses[200] >= PLACES
        assert all(outcome.right for outcome in run.outcomes if outcome.status == 200)
        assert all(int(outcome.retry_after or 0) >= 1 for outcome in run.refused)
        assert all(run.probes.values())
    assert sum(len(run.refused) for run in runs) > 0
    assert runs[-1].megabytes - runs[0].megabytes < GROWTH_MB


def test_soak_leaves_memory_and_descriptors_unchanged(soak: Soak) -> None:
    requests = int(REQUESTS * soak.plan.share)
    soak.run(max(20, requests // 5))  # until memory has reached its level
    megabytes = soak.metric("process_resident_memory_bytes") / 1e6
    descriptors = soak.metric("process_open_fds")

    soak.run(requests)

    wait_until(lambda: soak.metric("process_open_fds") <= descriptors + FEW)
    growth = soak.metric("process_resident_memory_bytes") / 1e6 - megabytes
    assert growth < GROWTH_MB
    assert set(soak.outcomes) >= {"answered", "rejected", "vanished"}
