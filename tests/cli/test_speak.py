import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from cli.main import better
from shared.http.tensors import Float32Array
from tests.support.caption_files import read_captions
from tests.support.scripted_server import (
    Received,
    ScriptedResponse,
    ScriptedServer,
    error_response,
    json_response,
)
from tests.support.stand_ins import SAMPLES_PER_FRAME, MakeServer, StandIns


def speak(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(better, ["speak", *arguments], input=stdin)


@pytest.fixture(autouse=True)
def library(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """A gateway that has one voice, `mine`."""

    def voice_file(request: Received) -> ScriptedResponse:
        if request.path != "/v1/audio/voices/mine/file":
            return error_response(404, "voice: there is none of this name")
        return json_response({"name": "mine", "embedding": np.eye(256)[0]})

    server = make_server(voice_file)
    monkeypatch.setenv("GATEWAY_URL", server.url)
    monkeypatch.setenv("API_KEY", "sk-one")
    return server


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.wav"


def test_a_text_is_spoken_into_a_file(stand_ins: StandIns, clip: Path, out: Path) -> None:
    result = speak("--voice", str(clip), "--text", "One. Three.", "--out", str(out))

    assert (result.exit_code, result.output) == (0, "")
    samples, rate = soundfile.read(out, dtype="int16")
    assert rate == 16_000
    assert len(samples) == (4 + 6) * SAMPLES_PER_FRAME + round(0.35 * 16_000)
    assert stand_ins.encoder.received[0].body == clip.read_bytes()


def test_a_text_is_read_from_stdin(stand_ins: StandIns, clip: Path, out: Path) -> None:
    text = "\ufeffSchön.\n".encode()
    result = speak("--voice", str(clip), "--text", "-", "--out", str(out), stdin=text)

    assert result.exit_code == 0
    assert stand_ins.synthesizer.received[0].json["text"] == "Schön."


def test_speed_changes_the_pace(stand_ins: StandIns, clip: Path, out: Path) -> None:
    text = ("--voice", str(clip), "--text", "One.", "--out", str(out))

    assert speak(*text, "--speed", "0.5").exit_code == 0
    assert soundfile.info(out).frames == 2 * 4 * SAMPLES_PER_FRAME
    assert "--speed" in speak(*text, "--speed", "5").output


def test_respelling_that_cannot_be_read_is_named(stand_ins: StandIns, tmp_path: Path) -> None:
    lexicon = tmp_path / "lexicon.json"
    lexicon.write_text('{"Nguyen": "w1n"}')

    result = speak(
        *("--voice", "ash", "--text", "One.", "--out", str(tmp_path / "a.wav")),
        *("--lexicon", str(lexicon)),
    )

    assert result.exit_code == 1
    assert "Error: lexicon.Nguyen: " in result.output


def test_speech_can_go_to_stdout(stand_ins: StandIns, clip: Path) -> None:
    result = speak("--voice", str(clip), "--text", "One.", "--out", "-")

    samples, rate = soundfile.read(io.BytesIO(result.stdout_bytes), dtype="int16")
    assert rate == 16_000
    np.testing.assert_array_equal(samples, np.full(4 * SAMPLES_PER_FRAME, 4))


def test_a_preset_is_heard_by_the_encoder(stand_ins: StandIns, out: Path) -> None:
    result = speak("--voice", "ash", "--text", "One.", "--out", str(out))

    assert result.exit_code == 0
    assert stand_ins.encoder.received[0].body[:4] == b"RIFF"


def test_a_voice_of_the_gateway_needs_no_encoder(
    stand_ins: StandIns, out: Path, library: ScriptedServer
) -> None:
    result = speak("--voice", "mine", "--text", "One.", "--out", str(out))

    assert result.exit_code == 0
    assert stand_ins.encoder.received == []
    sent = stand_ins.synthesizer.received[0].json["embed"]
    np.testing.assert_array_equal(sent, np.eye(256)[0])
    assert library.received[0].headers["authorization"] == "Bearer sk-one"


def test_a_file_and_a_preset_need_no_gateway(
    stand_ins: StandIns, clip: Path, out: Path, library: ScriptedServer
) -> None:
    for voice in ["birch", str(clip)]:
        assert speak("--voice", voice, "--text", "One.", "--out", str(out)).exit_code == 0
    assert library.received == []


def test_a_preset_comes_before_a_file_of_its_name(
    stand_ins: StandIns, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ash").touch()
    Path("mine").write_bytes(b"a clip")  # a file comes before a voice of the gateway

    for voice in ["ash", "mine"]:
        assert speak("--voice", voice, "--text", "One.", "--out", str(out)).exit_code == 0

    heard = [request.body for request in stand_ins.encoder.received]
    assert [heard[0][:4], heard[1]] == [b"RIFF", b"a clip"]


def embeds(stand_ins: StandIns) -> list[Float32Array]:
    return [np.array(request.json["embed"]) for request in stand_ins.synthesizer.received]


def test_blend_of_presets_and_files_needs_no_gateway(
    stand_ins: StandIns, clip: Path, out: Path, library: ScriptedServer
) -> None:
    result = speak("--voice", f"ash(2) + {clip}", "--text", "One.", "--out", str(out))

    assert result.exit_code == 0, result.output
    assert library.received == []
    assert len(stand_ins.encoder.received) == 2


def test_blend_weighs_the_voices_of_the_gateway(
    stand_ins: StandIns, out: Path, embed: Float32Array
) -> None:
    result = speak("--voice", "mine(3)+ash", "--text", "One.", "--out", str(out))

    assert result.exit_code == 0, result.output
    mean = 3 * np.eye(256)[0] + embed
    assert embeds(stand_ins)[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


@pytest.mark.parametrize(
    ("voice", "why"),
    [
        ("ash(0)+birch", "weights are over 0 and at most 100; write it as ash(2)+birch(1)"),
        ("ash+", "neither a voice nor a blend"),
        ("ash+nobody", "nobody is neither a sound file nor a preset"),
    ],
)
def test_faulty_blend_is_refused_before_any_call(
    stand_ins: StandIns, out: Path, voice: str, why: str
) -> None:
    result = speak("--voice", voice, "--text", "One.", "--out", str(out))

    assert result.exit_code == 1
    assert why in result.stderr
    assert stand_ins.encoder.received == []


def test_line_of_the_text_changes_the_voice(
    stand_ins: StandIns, out: Path, embed: Float32Array
) -> None:
    text = "It was late.\n\n[voice: mine]\nWho is there?\n\n[voice: mine+ash]\nNobody."

    result = speak("--voice", "ash", "--text", text, "--out", str(out))

    assert result.exit_code == 0, result.output
    texts = [request.json["text"] for request in stand_ins.synthesizer.received]
    assert texts == ["It was late.", "Who is there?", "Nobody."]
    mine = np.eye(256)[0]
    blend = (mine + embed) / np.linalg.norm(mine + embed)
    for found, wanted in zip(embeds(stand_ins), [embed, mine, blend], strict=True):
        assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("voice", ["nobody", "no/such.wav", ".", "x" * 5000, "a\0b"])
def test_unknown_voice_is_refused_with_the_known_ones(
    voice: str, stand_ins: StandIns, out: Path
) -> None:
    result = speak("--voice", voice, "--text", "One.", "--out", str(out))

    assert result.exit_code == 1
    presets = "(ash, birch, cedar, elm, hazel, rowan)"
    assert f"is neither a sound file nor a preset {presets}, and " in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 400


def test_without_a_gateway_an_unknown_voice_says_how_to_start_one(
    stand_ins: StandIns, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_URL", "http://127.0.0.1:9")

    result = speak("--voice", "mine", "--text", "One.", "--out", str(out))

    assert result.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:9" in result.stderr
    assert "start one with `better serve`, or set GATEWAY_URL" in result.stderr


def test_the_seed_is_passed_on(stand_ins: StandIns, clip: Path, out: Path) -> None:
    speak("--voice", str(clip), "--text", "One.", "--out", str(out), "--seed", "9")

    assert stand_ins.synthesizer.received[0].json["seed"] == 9
    assert stand_ins.vocoder.received[0].json["seed"] == 9


def test_the_temperature_is_passed_on(stand_ins: StandIns, clip: Path, out: Path) -> None:
    speak("--voice", str(clip), "--text", "One.", "--out", str(out), "--temperature", "0.5")

    assert stand_ins.vocoder.received[0].json["temperature"] == 0.5


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"--text": ""}, "the text is empty"),
        ({"--text": " \n "}, "the text is empty"),
        ({"--text": "\udcff"}, "not UTF-8"),
        ({"--voice": "nobody"}, "neither a sound file nor a preset"),
        ({"--out": "speech.mid"}, "must end in"),
        ({"--out": "no/such/speech.wav"}, "does not exist; create it first"),
    ],
)
def test_impossible_request_is_refused_before_any_call(
    wrong: dict[str, str], why: str, stand_ins: StandIns, clip: Path, out: Path
) -> None:
    options = {"--voice": str(clip), "--text": "One.", "--out": str(out)} | wrong

    result = speak(*(part for option in options.items() for part in option))

    assert result.exit_code == 1
    assert why in result.stderr
    assert stand_ins.encoder.received == []


def test_stdin_that_is_not_utf_8_is_refused(clip: Path, out: Path) -> None:
    result = speak("--voice", str(clip), "--text", "-", "--out", str(out), stdin=b"\xff\xfe")

    assert result.exit_code == 1
    assert "the text is not UTF-8" in result.stderr


def test_an_error_of_a_service_is_one_line_and_leaves_no_file(
    stand_ins: StandIns,
    make_server: MakeServer,
    clip: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VOCODER_URL", make_server(error_response(413, "spec is too long")).url)

    result = speak("--voice", str(clip), "--text", "One.", "--out", str(out))

    assert result.exit_code == 1
    assert result.stderr == "Error: the vocoder answered 413: spec is too long\n"
    assert list(out.parent.glob("*.wav")) == []
    assert list(out.parent.glob(".*")) == []


def test_a_bar_is_shown_on_a_terminal_only(stand_ins: StandIns, clip: Path, out: Path) -> None:
    command = [sys.executable, "-c", "from cli.main import main; main()", "speak"]
    options = ["--voice", str(clip), "--text", "One. Two.", "--out", str(out)]
    terminal, child = pty.openpty()
    subprocess.run([*command, *options], stderr=child, check=True)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    os.close(child)

    assert "Speaking" in shown
    assert "100%" in shown


@pytest.mark.parametrize(("suffix", "karaoke"), [("srt", False), ("vtt", False), ("vtt", True)])
def test_captions_are_written_beside_the_speech(
    stand_ins: StandIns, tmp_path: Path, suffix: Literal["srt", "vtt"], karaoke: bool
) -> None:
    captions = tmp_path / f"out.{suffix}"
    options = ["--out", str(tmp_path / "out.wav"), "--captions", str(captions)]
    result = CliRunner().invoke(
        better,
        ["speak", "--voice", "ash", "--text", "Good & bad. Bad.", *options]
        + ["--karaoke"] * karaoke,
    )
    assert result.exit_code == 0, result.output
    [cue] = read_captions(captions.read_text(), suffix)
    assert (cue.start, cue.text) == (0, "Good & bad. Bad.")
    assert cue.end <= soundfile.info(tmp_path / "out.wav").duration * 1000 + 1000
    assert bool(cue.stamps) == karaoke


def test_json_captions_are_written_beside_the_speech(stand_ins: StandIns, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "out.wav"), "--captions", str(tmp_path / "out.json")]
    result = CliRunner().invoke(better, ["speak", "--voice", "ash", "--text", "Good.", *options])
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out.json").read_text())
    assert [caption["text"] for caption in content["captions"]] == ["Good."]


def test_captions_of_another_kind_are_refused(tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "out.wav"), "--captions", str(tmp_path / "out.txt")]
    result = CliRunner().invoke(better, ["speak", "--voice", "ash", "--text", "Good.", *options])
    assert result.exit_code != 0
    assert ".srt, .vtt, .json" in result.output


def test_captions_without_a_folder_are_refused_before_speaking(
    stand_ins: StandIns, tmp_path: Path
) -> None:
    options = ["--out", str(tmp_path / "out.wav"), "--captions", str(tmp_path / "no" / "out.srt")]
    result = CliRunner().invoke(better, ["speak", "--voice", "ash", "--text", "Good.", *options])
    assert result.exit_code == 1
    assert "does not exist; create it first" in result.output
    assert not stand_ins.synthesizer.received


@pytest.mark.parametrize("captions", [[], ["--captions", "out.srt"]])
def test_karaoke_without_webvtt_is_refused(captions: list[str], tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "out.wav"), "--karaoke", *captions]
    result = CliRunner().invoke(better, ["speak", "--voice", "ash", "--text", "Good.", *options])
    assert result.exit_code == 1
    assert "--karaoke needs WebVTT" in result.output
