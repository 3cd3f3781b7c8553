"""The encoder over HTTP."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch

from encoder_service import inference
from encoder_service.hparams import Hparams
from encoder_service.model import SpeakerEncoder
from encoder_service.recordings import Recording
from shared.http.errors import InvalidRequest
from shared.http.tensors import Float32Array
from shared.voices import SAMPLES, sample_clip, sample_embeds
from tests.conftest import Service

VOICES = ["p240_00000", "1320_00000", "3575_00000"]


def encoded(wav: Float32Array, rate: int, kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wav, rate, format=kind)
    return file.getvalue()


def embed_file(service: Service, data: bytes, kind: str = "audio/wav") -> Float32Array:
    response = service("encoder").post("/inference/", content=data, headers={"Content-Type": kind})
    assert response.status_code == 200, response.text
    return np.array(response.json()["embed"], np.float32)


@pytest.fixture(scope="module")
def ash() -> tuple[Float32Array, int]:
    wav, rate = soundfile.read(SAMPLES / "ash.wav", dtype="float32")
    return wav, rate


@pytest.mark.parametrize("voice", VOICES)
def test_embedding_equals_rtvc(service: Service, golden: Path, voice: str) -> None:
    vectors = np.load(golden / "encoder.npz")
    wav = vectors[f"{voice}/wav"] / np.float32(32768)
    body = {"wav": wav.tolist(), "sr": int(vectors[f"{voice}/sr"])}
    answer = service("encoder").post("/inference/", json=body).json()
    np.testing.assert_allclose(answer["embed"], vectors[f"{voice}/embed"], atol=1e-4)
    assert min(answer["embed"]) >= 0
    assert np.linalg.norm(answer["embed"]) == pytest.approx(1, abs=1e-5)
    cleaned = service("encoder").post("/preprocess/", json=body).json()
    assert len(cleaned["wav"]) == vectors[f"{voice}/pre_len"]
    assert cleaned["sr"] == 16_000


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_voice_is_known_at_any_rate(
    service: Service, ash: tuple[Float32Array, int], rate: int
) -> None:
    wav = soxr.resample(ash[0], ash[1], rate)
    embed = embed_file(service, encoded(wav, rate, "WAV"))
    assert embed @ sample_embeds()["ash"] > (0.85 if rate < 16_000 else 0.99)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("FLAC", "audio/flac"), ("MP3", "audio/mpeg"), ("OGG", "audio/ogg"), ("WAV", "audio/*")],
)
def test_sound_file_as_body_gives_the_same_voice(
    service: Service, ash: tuple[Float32Array, int], kind: str, media_type: str
) -> None:
    embed = embed_file(service, encoded(*ash, kind), media_type)
    assert embed @ sample_embeds()["ash"] > 0.95


def test_json_body_and_multipart_agree_with_the_file(service: Service) -> None:
    data = (SAMPLES / "elm.wav").read_bytes()
    wav, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    answers = [
        service("encoder").post("/inference/", json={"wav": wav.tolist(), "sr": rate}).json(),
        service("encoder").post("/inference/", files={"file": ("elm.wav", data)}).json(),
    ]
    assert answers[0] == answers[1]
    np.testing.assert_array_equal(np.float32(answers[0]["embed"]), embed_file(service, data))


def test_stereo_is_mixed_down(service: Service, ash: tuple[Float32Array, int]) -> None:
    wav, rate = ash
    both = np.stack([wav, wav], axis=1)
    np.testing.assert_allclose(
        embed_file(service, encoded(both, rate, "WAV")),
        embed_file(service, encoded(wav, rate, "WAV")),
        atol=1e-4,
    )


@pytest.mark.parametrize("voice", sorted(sample_embeds()))
def test_shipped_embedding_is_that_of_the_encoder(service: Service, voice: str) -> None:
    data = (SAMPLES / f"{voice}.wav").read_bytes()
    np.testing.assert_allclose(embed_file(service, data), sample_embeds()[voice], atol=1e-5)


def test_voice_that_the_network_does_not_hear_is_refused() -> None:
    deaf = SpeakerEncoder(Hparams()).eval()
    torch.nn.init.zeros_(deaf.linear.weight)
    torch.nn.init.constant_(deaf.linear.bias, -1)
    clip = sample_clip(seconds=3)
    with pytest.raises(InvalidRequest, match="finds no voice"):
        inference.embed(deaf, lambda: Recording(clip.wav, clip.rate))


def usable_report(service: Service, wav: Float32Array, rate: int) -> dict[str, Any]:
    body = {"wav": wav.tolist(), "sr": rate}
    report: dict[str, Any] = (
        service("encoder").post("/inference/", json=body).raise_for_status().json()["report"]
    )
    return report


def test_short_clip_is_embedded_with_a_warning(
    service: Service, ash: tuple[Float32Array, int]
) -> None:
    wav, rate = ash
    report = usable_report(service, wav[rate : 2 * rate], rate)
    assert report["voiced_seconds"] < 1.6
    assert any("1.6" in warning for warning in report["warnings"])
    assert usable_report(service, wav, rate)["warnings"] == []


def test_clipped_clip_is_embedded_with_a_warning(
    service: Service, ash: tuple[Float32Array, int]
) -> None:
    report = usable_report(service, np.clip(8 * ash[0], -1, 1), ash[1])
    assert any("clip" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    "wav",
    [
        np.zeros(48_000),
        np.random.default_rng(0).normal(0, 0.1, 48_000),
        0.3 * np.sin(2 * np.pi * 50 / 16_000 * np.arange(48_000)),
    ],
    ids=["silence", "white noise", "hum"],
)
def test_clip_without_a_voice_is_refused_with_the_reason(
    service: Service, wav: Float32Array
) -> None:
    response = service("encoder").post("/inference/", json={"wav": wav.tolist(), "sr": 16_000})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "unusable_clip"
    assert error["param"] == "wav"
