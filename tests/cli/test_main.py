import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import better
from client.errors import Unreachable


@pytest.fixture
def failing_command(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """`better demo` raises the error in this list."""
    errors: list[Exception] = []

    @click.command()
    def demo() -> None:
        raise errors[0]

    monkeypatch.setattr("cli.demo.demo", demo)
    return errors


def test_every_command_is_listed_with_its_purpose() -> None:
    result = CliRunner().invoke(better, ["--help"])

    assert result.exit_code == 0
    for line in [
        "speak        Speak a text in a voice.",
        "voices       Keep voices under a name, in the gateway's library.",
        "serve        Run all services until Ctrl-C.",
        "demo         Start the services",
        "checkpoints",
    ]:
        assert line in result.output


def test_the_version_is_shown() -> None:
    assert "version" in CliRunner().invoke(better, ["--version"]).output


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(better, ["sing"])

    assert result.exit_code == 2
    assert "No such command 'sing'" in result.output


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Unreachable("vocoder", "the vocoder is away"), "Error: the vocoder is away\n"),
        (PermissionError(13, "Permission denied", "/a/b"), "Error: /a/b: Permission denied\n"),
        (OSError("no space"), "Error: no space\n"),
    ],
)
def test_a_known_failure_is_one_line_and_exit_code_1(
    error: Exception, line: str, failing_command: list[Exception]
) -> None:
    failing_command.append(error)

    result = CliRunner().invoke(better, ["demo"])

    assert result.exit_code == 1
    assert result.stderr == line


def test_a_pipe_that_closed_ends_quietly(failing_command: list[Exception]) -> None:
    failing_command.append(BrokenPipeError(32, "Broken pipe"))

    result = CliRunner().invoke(better, ["demo"])

    assert result.exit_code == 1
    assert result.stderr == ""


def test_a_setting_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCODER_URL", "not a url")

    options = ["--voice", "ash", "--text", "One.", "--out", str(tmp_path / "out.wav")]
    result = CliRunner().invoke(better, ["speak", *options])

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: VOCODER_URL is 'not a url': ")
    assert result.stderr.count("\n") == 1


def test_pytorch_is_not_needed_to_speak_or_serve() -> None:
    modules = "cli.main, cli.speak, cli.serve, cli.voices, cli.demo"
    script = f"import sys, {modules}; sys.exit('torch' in sys.modules)"

    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("arguments", "package"),
    [(["wyoming"], "wyoming"), (["mcp", "--folder", "."], "mcp")],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    arguments: list[str], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"connectors.{package}", raising=False)
    loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
    for name in [package, *loaded]:
        monkeypatch.setitem(sys.modules, name, None)

    result = CliRunner().invoke(better, arguments)

    assert result.exit_code == 1
    assert f"{sys.executable} -m pip install -e '.[{package}]'" in result.output
