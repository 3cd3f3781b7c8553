"""The command against the real services."""

from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from cli.main import better
from client.chain import SAMPLE_RATE, Chain
from client.errors import ServiceError
from shared.audio.mel import mel_spectrogram
from shared.services import SERVICES
from shared.voices import presets
from tests.conftest import Service

TEXT = "Good day. Bye."


@pytest.fixture(autouse=True)
def _running_services(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SERVICES:
        monkeypatch.setenv(f"{name.upper()}_URL", str(service(name).base_url))
    monkeypatch.setenv("GATEWAY_URL", str(service("gateway").base_url))
    monkeypatch.delenv("API_KEY", raising=False)
    monkeypatch.setenv("VOICES_DIR", str(tmp_path / "voices"))


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(better, arguments)
    assert result.exit_code == 0, result.output
    return result


def test_a_seed_makes_a_preset_say_the_same_twice(tmp_path: Path) -> None:
    wavs = []
    for name, seed in [("a.wav", "5"), ("b.wav", "5"), ("c.wav", "6")]:
        out = str(tmp_path / name)
        run("speak", "--voice", "birch", "--text", TEXT, "--out", out, "--seed", seed)
        wavs.append(soundfile.read(out, dtype="int16")[0])

    np.testing.assert_array_equal(wavs[0], wavs[1])
    assert wavs[0].tobytes() != wavs[2].tobytes()
    assert len(wavs[0]) > SAMPLE_RATE / 2
    assert wavs[0].std() > 30


def test_the_chain_speaks_with_wavernn_too(
    wavernn: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "{}.wav")
    options = ["--voice", "birch", "--text", TEXT, "--seed", "5", "--out"]
    run("speak", *options, out.format("vocos"))
    monkeypatch.setenv("VOCODER_URL", str(wavernn.base_url))
    run("speak", *options, out.format("wavernn"))

    vocos, other = (soundfile.read(out.format(name))[0] for name in ("vocos", "wavernn"))
    assert len(vocos) == len(other) > SAMPLE_RATE / 2
    assert not np.array_equal(vocos, other)
    mels = [mel_spectrogram(wav.astype(np.float32)) for wav in (vocos, other)]
    assert np.corrcoef(mels[0].ravel(), mels[1].ravel())[0, 1] > 0.8  # the same words


def test_a_saved_voice_speaks_as_its_clip_does(tmp_path: Path) -> None:
    clip = str(presets()["elm"])
    run("voices", "add", "speaks as elm", clip, "--consent", "A preset's clip.")

    for voice, name in [("speaks as elm", "a.flac"), (clip, "b.flac")]:
        out = str(tmp_path / name)
        run("speak", "--voice", voice, "--text", "Hello.", "--out", out, "--seed", "1")

    run("voices", "rm", "speaks as elm")
    saved, heard = (soundfile.read(tmp_path / name)[0] for name in ["a.flac", "b.flac"])
    np.testing.assert_array_equal(saved, heard)


def test_an_error_of_the_gateway_is_its_own_words(tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no sound at all")

    result = CliRunner().invoke(better, ["voices", "add", "mine", str(noise), "--consent", "Yes."])

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the gateway answered 400: audio_sample: noise.wav: ")


def test_an_error_of_a_service_is_its_own_words(tmp_path: Path) -> None:
    noise, out = tmp_path / "noise.wav", str(tmp_path / "out.wav")
    noise.write_bytes(b"no sound at all")

    result = CliRunner().invoke(
        better, ["speak", "--voice", str(noise), "--text", TEXT, "--out", out]
    )

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the encoder answered 415: the sound file cannot be")


def test_unspeakable_text_is_refused_by_the_synthesizer() -> None:
    with Chain() as chain:
        embed = chain.embed(presets()["ash"])
        with pytest.raises(
            ServiceError, match=r"the synthesizer answered 400: .*nothing that can be spoken"
        ):
            list(chain.speak("🙂", embed))
