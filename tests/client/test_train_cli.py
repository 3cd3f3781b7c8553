import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from client.cli import better
from tests.training.tiny_training import tiny_data, tiny_trainer


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(better, ["train", *map(str, arguments)])


def test_every_stage_has_a_command() -> None:
    result = run("--help")
    for name in ("data", "features", "synthesizer", "vocoder", "export", "evaluate"):
        assert f"\n  {name}" in result.output


def test_recordings_without_features_are_refused_by_the_trainers(tmp_path: Path) -> None:
    result = run("vocoder", tmp_path / "data", tmp_path / "run")
    assert result.exit_code == 1
    assert "better train features" in result.stderr


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("synthesizer", tmp_path, tmp_path / "run")
    assert result.exit_code == 1
    assert "pip install -e '.[train]'" in result.stderr


def test_data_wants_one_source(tmp_path: Path) -> None:
    assert run("data", tmp_path).exit_code == 2
    both = run("data", tmp_path, "--text", tmp_path, "--recordings", tmp_path)
    assert "one of --text, --recordings" in both.stderr


def test_styles_are_for_one_teacher(tmp_path: Path) -> None:
    text = tmp_path / "book.txt"
    text.write_text("The rain stopped before the evening came.")
    result = run("data", tmp_path, "--text", text, "--teacher", "joe", "--styles", tmp_path)
    assert result.exit_code == 2
    assert "Kokoro's" in result.stderr


def test_folder_that_holds_no_recordings_is_one_line(tmp_path: Path) -> None:
    result = run("data", tmp_path / "data", "--recordings", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")


def test_run_is_exported(tmp_path: Path) -> None:
    tiny_trainer("vocoder", tiny_data(tmp_path / "data"), tmp_path / "run", 1).run()
    result = run("export", tmp_path / "run", tmp_path / "vocoder", "--licence", "MIT")
    assert result.exit_code == 0, result.output
    assert "vocoder, " in result.output
    assert run("export", tmp_path / "run", tmp_path / "vocoder").exit_code == 1
