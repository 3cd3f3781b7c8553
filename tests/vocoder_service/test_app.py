"""The vocoder over HTTP, with either network."""

import io
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from shared.http.tensors import Float32Array
from tests.conftest import Service, running

HOP = 200


@pytest.fixture(params=["vocos", "wavernn"])
def vocoder(request: pytest.FixtureRequest, service: Service) -> httpx.Client:
    """A service that speaks with one of the networks."""
    if request.param == "vocos":
        return service("vocoder")
    wavernn: httpx.Client = request.getfixturevalue("wavernn")
    return wavernn


def wav_of(vocoder: httpx.Client, mel: Float32Array, **fields: Any) -> list[float]:
    body = {"spec": mel.tolist(), **fields}
    answer = vocoder.post("/inference/", json=body).raise_for_status().json()
    assert answer["sr"] == fields.get("sr", 16_000)
    wav: list[float] = answer["wav"]
    return wav


def sound(vocoder: httpx.Client, mel: Float32Array, accept: str, **fields: Any) -> httpx.Response:
    body = {"spec": mel.tolist(), "seed": 3, **fields}
    response = vocoder.post("/inference/", json=body, headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response


def test_mel_gives_sound_of_its_length(vocoder: httpx.Client, mel: Float32Array) -> None:
    wav = np.array(wav_of(vocoder, mel))
    assert abs(len(wav) - mel.shape[1] * HOP) <= HOP
    assert 0.001 < np.abs(wav).max() < 2


def test_single_frame_gives_sound(vocoder: httpx.Client, mel: Float32Array) -> None:
    assert len(wav_of(vocoder, mel[:, :1])) <= HOP


def test_same_seed_gives_the_same_sound_while_others_run(
    wavernn: httpx.Client, mel: Float32Array
) -> None:
    alone = wav_of(wavernn, mel, seed=1)
    with ThreadPoolExecutor(4) as pool:
        wavs = list(pool.map(lambda seed: wav_of(wavernn, mel, seed=seed), [1, 2, 1, None]))
    assert [wav == alone for wav in wavs] == [True, False, True, False]


def test_vocos_takes_seed_and_temperature_and_makes_no_use_of_them(
    service: Service, mel: Float32Array
) -> None:
    vocoder = service("vocoder")
    plain = wav_of(vocoder, mel)
    assert wav_of(vocoder, mel, seed=1, temperature=0.3) == plain
    assert wav_of(vocoder, mel, seed=2, temperature=1.8) == plain


def test_page_and_document_say_which_network_speaks(
    service: Service, wavernn: httpx.Client
) -> None:
    for client, name in [(service("vocoder"), "Vocos"), (wavernn, "WaveRNN")]:
        assert f"by {name}" in client.get("/").text
        assert f"by {name}" in client.get("/openapi.json").json()["info"]["summary"]


def test_sixteen_clients_at_once_get_what_each_gets_alone(
    vocoder: httpx.Client, mel: Float32Array
) -> None:
    start = Barrier(16)

    def sound_of(seed: int) -> list[float]:
        return wav_of(vocoder, mel[:, : 10 + seed % 11], seed=seed)

    def among_others(seed: int) -> list[float]:
        start.wait(30)
        return sound_of(seed)

    alone = [sound_of(seed) for seed in range(16)]
    with ThreadPoolExecutor(16) as pool:
        at_once = [*pool.map(among_others, range(16))]
    assert [seed for seed in range(16) if at_once[seed] != alone[seed]] == []


def test_vocos_of_many_blocks_is_the_same_whole_streamed_and_among_others(
    service: Service, mel: Float32Array
) -> None:
    mels = [np.tile(mel, 10)[:, : 90 + 37 * number] for number in range(8)]
    vocoder = service("vocoder")
    whole = [sound(vocoder, each, "audio/pcm", stream=False).content for each in mels]
    with ThreadPoolExecutor(len(mels)) as pool:
        streamed = [*pool.map(lambda each: sound(vocoder, each, "audio/pcm").content, mels)]
    assert [len(content) for content in whole] == [2 * HOP * (m.shape[1] - 1) for m in mels]
    assert streamed == whole


def test_values_beyond_four_are_clipped(vocoder: httpx.Client, mel: Float32Array) -> None:
    loud = mel[:, :8] + 6
    clipped = np.clip(loud, -4, 4)
    assert loud.max() > 4
    assert wav_of(vocoder, loud, seed=1) == wav_of(vocoder, clipped, seed=1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 48_000])
def test_sound_is_resampled_to_the_asked_rate(
    vocoder: httpx.Client, mel: Float32Array, rate: int
) -> None:
    native, resampled = wav_of(vocoder, mel, seed=1), wav_of(vocoder, mel, seed=1, sr=rate)
    assert abs(len(resampled) - len(native) * rate / 16_000) < 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("audio/wav", "audio/wav"),
        ("audio/flac", "audio/flac"),
        ("audio/mpeg", "audio/mpeg"),
        ("audio/ogg", "audio/ogg"),
        ("audio/*", "audio/wav"),
        ("text/html, audio/x-wav;q=0.9", "audio/wav"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_sound_file_is_what_accept_asks_for(
    vocoder: httpx.Client, mel: Float32Array, accept: str, kind: str, stream: bool
) -> None:
    response = sound(vocoder, mel, accept, stream=stream)
    assert response.headers["content-type"] == kind
    wav, rate = soundfile.read(io.BytesIO(response.content))
    assert rate == 16_000
    expected = wav_of(vocoder, mel, seed=3)
    assert len(expected) <= len(wav) < len(expected) + (3000 if kind == "audio/mpeg" else 1)
    if kind in ("audio/wav", "audio/flac"):
        np.testing.assert_allclose(wav, np.clip(expected, -1, 1), atol=1e-4)


def test_streamed_and_whole_pcm_are_the_same_samples(
    vocoder: httpx.Client, mel: Float32Array
) -> None:
    streamed = sound(vocoder, mel, "audio/pcm")
    whole = sound(vocoder, mel, "audio/pcm", stream=False)
    assert streamed.content == whole.content
    wav = np.frombuffer(streamed.content, "<i2") / 32767
    np.testing.assert_allclose(wav, np.clip(wav_of(vocoder, mel, seed=3), -1, 1), atol=1e-4)


def test_wav_header_is_exact_when_whole_and_open_when_streamed(
    vocoder: httpx.Client, mel: Float32Array
) -> None:
    assert sound(vocoder, mel, "audio/wav").content[40:44] == b"\xff" * 4
    response = sound(vocoder, mel, "audio/wav", stream=False)
    whole = response.content
    assert int.from_bytes(whole[40:44], "little") == len(whole) - 44
    assert int(response.headers["content-length"]) == len(whole)


def test_client_that_leaves_frees_the_slot() -> None:
    # Far more sound than is made before the next request has waited too long.
    long = {"spec": np.zeros((80, 9_600), int).tolist()}
    slow = {"VOCODER": "wavernn", "VOCODER_THREADS": "1", "PRECISION": "float32"}
    limits = {"CONCURRENCY": "1", "QUEUE_SECONDS": "4", "MAX_FRAMES": "9600"}
    with running("vocoder", **slow, **limits) as url:
        headers = {"Accept": "audio/pcm"}
        for _ in range(3):
            with httpx.stream(
                "POST", f"{url}/inference/", json=long, headers=headers, timeout=60
            ) as response:
                assert response.status_code == 200
                assert next(response.iter_bytes())
        short = {"spec": np.zeros((80, 2), int).tolist()}
        assert httpx.post(f"{url}/inference/", json=short, timeout=60).status_code == 200
