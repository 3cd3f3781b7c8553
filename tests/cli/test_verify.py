from pathlib import Path

import numpy as np
import soundfile
from click.testing import CliRunner, Result

from cli.main import better
from shared.audio.files import read_sound, resample_stream
from shared.audio.watermark import SAMPLE_RATE, mark
from shared.voices import sample_path


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(better, ["verify", *arguments])


def marked_file(folder: Path, **key: str) -> str:
    clip = read_sound(sample_path().read_bytes(), max_seconds=60)
    wav = resample_stream([clip.wav], clip.rate, SAMPLE_RATE)
    path = folder / "marked.wav"
    soundfile.write(path, np.concatenate([*mark(wav, **key)]), SAMPLE_RATE)
    return str(path)


def test_marked_file_is_known(tmp_path: Path) -> None:
    result = verify(marked_file(tmp_path))
    assert result.exit_code == 0
    assert "marked (score" in result.output


def test_file_without_a_mark_ends_with_exit_code_one() -> None:
    result = verify(str(sample_path()))
    assert result.exit_code == 1
    assert "no mark" in result.output


def test_mark_of_another_key_is_found_with_that_key_alone(tmp_path: Path) -> None:
    file = marked_file(tmp_path, key="secret")
    assert verify(file).exit_code == 1
    assert verify(file, "--key", "secret").exit_code == 0


def test_file_that_is_no_sound_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("Not a sound.")
    result = verify(str(tmp_path / "text.wav"))
    assert result.exit_code == 2
    assert "cannot be decoded" in result.output
    assert len(result.output.splitlines()) == 1
