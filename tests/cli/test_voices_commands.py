from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner, Result

from cli.main import better
from shared.http.tensors import Float32Array
from tests.support.scripted_server import json_answer
from tests.support.stand_ins import StandIns


@pytest.fixture(autouse=True)
def _own_voices_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICES_DIR", str(tmp_path / "voices"))


def voices(*arguments: str) -> Result:
    return CliRunner().invoke(better, ["voices", *arguments])


def test_a_voice_is_added_listed_shown_and_removed(
    stand_ins: StandIns, clip: Path, embed: Float32Array
) -> None:
    assert voices("add", "mine", str(clip)).output == "saved mine\n"
    assert voices("list").output.splitlines()[0] == "ash  (preset)"
    assert voices("list").output.splitlines()[-1] == "mine"

    shown = orjson.loads(voices("show", "mine").output)
    np.testing.assert_allclose(shown.pop("embed"), embed, rtol=1e-6)
    assert shown == {"name": "mine", "preset": False, "clips": ["voice.flac"]}

    assert voices("rm", "mine").output == "removed mine\n"
    assert "mine" not in voices("list").output


def test_several_clips_become_one_unit_vector(stand_ins: StandIns, clip: Path) -> None:
    one, two = np.eye(256)[:2]
    stand_ins.encoder.replies = [json_answer({"embed": one}), json_answer({"embed": two})]

    voices("add", "mine", str(clip), str(clip))

    embed = orjson.loads(voices("show", "mine").output)["embed"]
    np.testing.assert_allclose(embed, (one + two) / np.sqrt(2), rtol=1e-6)


def test_a_preset_is_shown_with_its_clip() -> None:
    shown = orjson.loads(voices("show", "ash").output)

    assert shown["preset"] is True
    assert shown["clips"][0].endswith("samples/ash.wav")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["add", "ash", "CLIP"], "ash is a preset voice; choose another name"),
        (["add", "../x", "CLIP"], "cannot be a voice's name"),
        (["rm", "ash"], "ash is a preset voice and stays"),
        (["rm", "nobody"], "nobody is neither a sound file nor a voice"),
        (["show", "nobody"], "nobody is neither a sound file nor a voice"),
    ],
)
def test_what_cannot_work_is_one_line_before_any_call(
    arguments: list[str], why: str, stand_ins: StandIns, clip: Path
) -> None:
    result = voices(*(str(clip) if part == "CLIP" else part for part in arguments))

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert why in result.stderr
    assert result.stderr.count("\n") == 1
    assert stand_ins.encoder.received == []


def test_a_name_is_not_taken_twice(stand_ins: StandIns, clip: Path) -> None:
    voices("add", "mine", str(clip))
    result = voices("add", "mine", str(clip))

    assert result.exit_code == 1
    assert "better voices rm mine" in result.stderr
    assert len(stand_ins.encoder.received) == 1
