"""The gateway as it is deployed: over stub services, and over the real three."""

import io
import time
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import openai
import pytest
import soundfile

from shared.services import SERVICES
from shared.voices import DEFAULT_VOICE, sample_path
from tests.conftest import Service, running
from tests.support.stub_services import StubServices

KEY = "a-key-of-the-tests"
# Each sentence takes a vocoder longer than it takes a client to leave.
LONG_TEXT = "He went on and on about the weather and the roads and the price of bread. " * 10


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = str(tmp_path_factory.mktemp("data"))
    with (
        StubServices() as services,
        running("gateway", DATA_DIR=data, API_KEYS=KEY, **services.environment) as url,
    ):
        yield url


@pytest.fixture(scope="module")
def real(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    names = [*SERVICES]
    urls = {f"{name.upper()}_URL": str(service(name).base_url) for name in names}
    data = str(tmp_path_factory.mktemp("data"))
    with (
        running("gateway", DATA_DIR=data, **urls) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize("voice", [DEFAULT_VOICE, "alloy", "verse", "marin"])
def test_official_client_speaks_in_presets_and_voices_of_openai(voice: str, stubbed: str) -> None:
    with openai.OpenAI(base_url=f"{stubbed}/v1", api_key=KEY) as client:
        speech = client.audio.speech.create(model="tts-1", voice=voice, input="Hello there.")

    assert soundfile.info(io.BytesIO(speech.content)).duration > 0.5


def test_unknown_voice_is_not_found(stubbed: str) -> None:
    with (
        openai.OpenAI(base_url=f"{stubbed}/v1", api_key=KEY) as client,
        pytest.raises(openai.NotFoundError, match=DEFAULT_VOICE) as caught,
    ):
        client.audio.speech.create(model="tts-1", voice="nobody", input="Hello there.")

    assert (caught.value.code, caught.value.param) == ("voice_not_found", "voice")


def test_wrong_key_is_refused(stubbed: str) -> None:
    with (
        openai.OpenAI(base_url=f"{stubbed}/v1", api_key="wrong") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.audio.speech.create(model="tts-1", voice="alloy", input="Hello there.")

    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_real_services_speak_at_every_speed(speed: float, real: httpx.Client) -> None:
    request = {"input": "Hello there, my friend.", "voice": "alloy", "seed": 3, "speed": speed}

    answer = real.post("/v1/audio/speech", json={**request, "response_format": "flac"})

    wav, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == 24_000
    assert 0.3 < len(wav) / rate * speed < 5
    assert np.abs(wav).max() > 0.01


def test_details_come_from_the_real_synthesizer(real: httpx.Client) -> None:
    request = {"input": "Hello there.", "voice": "alloy", "stream_format": "sse", "details": True}

    answer = real.post("/v1/audio/speech", json={**request, "response_format": "pcm"})

    assert answer.text.startswith('data: {"type":"speech.sentence.details"')
    assert '"type":"speech.audio.done"' in answer.text


def test_predecessor_call_clones_a_clip(real: httpx.Client) -> None:
    clip, rate = soundfile.read(sample_path())
    request = {"wav": clip[: 3 * rate].tolist(), "sr": rate, "text": "Hello there."}

    answer = real.post("/inference-c/", json=request).json()

    assert answer["sr"] == rate
    assert len(answer["wav"]) > 0.3 * rate


def test_vocoder_is_left_when_the_client_leaves(service: Service, real: httpx.Client) -> None:
    request = {"input": LONG_TEXT, "voice": "alloy", "response_format": "pcm", "speed": 0.25}
    before = ended_calls(service("vocoder"))

    with real.stream("POST", "/v1/audio/speech", json=request) as answer:
        next(answer.iter_raw())

    wait_until(lambda: vocoder_calls_left(real) == 1, "the gateway goes on vocoding for nobody")
    wait_until(lambda: ended_calls(service("vocoder")) == before + 1, "the vocoder goes on")


def vocoder_calls_left(gateway: httpx.Client) -> float:
    return metric(gateway, 'service_request_seconds_count{outcome="left",service="vocoder"}')


def ended_calls(vocoder: httpx.Client) -> float:
    prefix = 'http_requests_total{method="POST",route="/inference/"'
    return metric(vocoder, prefix)


def metric(client: httpx.Client, prefix: str) -> float:
    """The sum of those whose name and labels begin so."""
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(prefix))


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)
