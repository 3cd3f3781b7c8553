"""Many clients disconnect: their work is cancelled, and nothing is left behind."""

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import torch

import vocoder_service.app as vocoder
from tests.support.leaving_clients import Leaver, wait_until
from tests.support.served_app import served
from tests.support.speech_fixtures import SpeechServer, speech_server
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.vocos.vocoder import BLOCK, VocosVocoder
from vocoder_service.wavernn.batching import SharedEngine
from vocoder_service.wavernn.engine import FoldState, TorchEngine
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.vocoder import WaveRNNVocoder

MANY = 200
FRAMES = 400
LONG = {"spec": np.zeros((80, FRAMES), int).tolist(), "seed": 1}
SHORT = {"spec": np.zeros((80, 2), int).tolist(), "seed": 1}
SPEECH = orjson.dumps({"input": "Hello there.", "voice": "low", "response_format": "pcm"})
DESCRIPTORS = Path("/proc/self/fd")


class Counter:
    """Counts the frames that a network makes, up to `allowed`.

    allowed: one step of each running request.
    """

    def __init__(self) -> None:
        self.frames, self.let_go = 0, threading.Event()
        self.allowed = 0

    def count(self, frames: int) -> None:
        assert self.let_go.wait(60)
        self.frames += frames


class CountedEngine(TorchEngine):
    def __init__(self, counter: Counter) -> None:
        sizes = Hparams(rnn_dims=8, fc_dims=8, compute_dims=8, res_out_dims=8, res_blocks=1)
        super().__init__(WaveRNN(sizes).eval())
        self._counter = counter

    def run(self, state: FoldState, mel: Any, aux: Any, uniforms: Any, temperature: Any) -> Any:
        self._counter.count(aux.shape[0] * aux.shape[1])
        return super().run(state, mel, aux, uniforms, temperature)


class CountedVocos(Vocos):
    def __init__(self, counter: Counter) -> None:
        super().__init__(VocosHparams(dims=8, hidden_dims=8, blocks=1))
        self._counter: Counter | None = None
        self.eval().requires_grad_(False)
        self.vocoder = VocosVocoder(self)
        self._counter = counter

    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        if self._counter:
            self._counter.count(x.shape[1])
        return super().spectrum(x)


@pytest.fixture
def counter() -> Counter:
    torch.manual_seed(0)
    return Counter()


@pytest.fixture(params=["vocos", "wavernn"])
def vocoder_url(request: pytest.FixtureRequest, counter: Counter) -> Iterator[str]:
    with served(vocoder.app) as url:
        if request.param == "vocos":
            vocoder.app.state.model = CountedVocos(counter).vocoder
            counter.allowed = BLOCK * (vocoder.app.state.slot.concurrency + 1)
        else:
            vocoder.app.state.model = WaveRNNVocoder(SharedEngine(CountedEngine(counter)), passes=0)
            counter.allowed = FRAMES - 1  # fewer than one request needs
        try:
            yield url
        finally:
            counter.let_go.set()


@pytest.mark.parametrize("stream", [True, False])
def test_vocoder_computes_nothing_for_disconnected_clients(
    counter: Counter, vocoder_url: str, stream: bool
) -> None:
    state = vocoder.app.state
    places = state.slot.concurrency + state.slot.queue_limit
    body = orjson.dumps(LONG | {"stream": stream})
    leavers = [Leaver(vocoder_url, "/inference/", body) for _ in range(MANY)]
    wait_until(lambda: state.slot.waiting == state.slot.queue_limit)
    wait_until(lambda: state.requests_in_progress == places)  # the others are rejected
    for leaver in leavers:
        leaver.leave()
    wait_until(lambda: state.slot.waiting == 0)
    assert counter.frames == 0
    counter.let_go.set()

    answer = httpx.post(f"{vocoder_url}/inference/", json=SHORT, timeout=60)
    assert answer.status_code == 200
    assert len(answer.json()["wav"]) == 200
    wait_until(lambda: state.requests_in_progress == 0)
    assert counter.frames <= counter.allowed


@pytest.fixture
def gateway() -> Iterator[SpeechServer]:
    """One gateway per test, since leftover work would count in the next."""
    with speech_server() as server:
        yield server


class Silent:
    """A service that does not respond until it is released."""

    def __init__(self) -> None:
        self.let_go, self.asked = threading.Event(), 0

    def __call__(self, path: str) -> None:
        self.asked += 1
        assert self.let_go.wait(60)


@pytest.mark.parametrize("part", ["synthesizer", "vocoder"])
def test_gateway_cancels_disconnected_clients_even_if_a_service_is_silent(
    gateway: SpeechServer, part: str
) -> None:
    services, at_a_time = gateway.services, 4
    for service in (services.synthesizer, services.vocoder):
        service.reset()
    silent = Silent()
    getattr(services, part).before = silent
    served = [Leaver(gateway.url, "/v1/audio/speech", SPEECH) for _ in range(at_a_time)]
    wait_until(lambda: silent.asked == at_a_time)
    queued = [Leaver(gateway.url, "/v1/audio/speech", SPEECH) for _ in range(MANY)]
    wait_until(lambda: waiting_in(gateway) > 0)
    for leaver in queued:  # before a slot is free, or some of them would be served
        leaver.leave()
    wait_until(lambda: waiting_in(gateway) == 0)
    for leaver in served:
        leaver.leave()
    getattr(services, part).before = lambda path: None  # for later requests

    answer = speak(gateway)

    assert answer.status_code == 200
    assert len(answer.content) > 1000
    assert silent.asked == at_a_time  # slots were freed while the service was still silent
    assert len(services.vocoder.requests) <= at_a_time + 1
    assert len(services.synthesizer.texts) <= at_a_time + 1
    silent.let_go.set()


def test_disconnected_clients_leave_nothing_behind(gateway: SpeechServer) -> None:
    if not DESCRIPTORS.is_dir():
        pytest.skip("/proc is not here")

    def vanish() -> None:
        for _ in range(50):
            Leaver(gateway.url, "/v1/audio/speech", SPEECH).leave()
        wait_until(lambda: waiting_in(gateway) == 0)
        assert speak(gateway).is_success
        gc.collect()

    vanish()
    descriptors, threads = len([*DESCRIPTORS.iterdir()]), threading.active_count()
    for _ in range(3):
        vanish()
    wait_until(lambda: len([*DESCRIPTORS.iterdir()]) <= descriptors + 4)
    # The number of threads depends on the load; AnyIO ends idle ones at their next use.
    wait_until(lambda: speak(gateway).is_success and threading.active_count() <= threads + 4)


def speak(gateway: SpeechServer) -> httpx.Response:
    json = {"Content-Type": "application/json"}
    url = f"{gateway.url}/v1/audio/speech"
    return httpx.post(url, content=SPEECH, headers=json, timeout=60)


def waiting_in(gateway: SpeechServer) -> int:
    lines = httpx.get(f"{gateway.url}/metrics", timeout=60).text.splitlines()
    (length,) = [line.split()[1] for line in lines if line.startswith("queue_length ")]
    return int(float(length))
