"""Startup errors: one line, without a traceback, under every server."""

from pathlib import Path

import pytest

from tests.support.failing_start import SERVERS, start_that_fails
from tests.support.fuzzed_apps import write_tiny_checkpoint

every_server = pytest.mark.parametrize("server", SERVERS)


def line_with(beginning: str, said: str) -> str:
    (line,) = [line for line in said.splitlines() if beginning in line]
    return line


@every_server
def test_damaged_weights_are_named_with_the_remedy(server: str, tmp_path: Path) -> None:
    write_tiny_checkpoint("vocoder", tmp_path)
    file = max((tmp_path / "vocoder").glob("*.pt"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    said = start_that_fails("vocoder", server, CHECKPOINTS_DIR=str(tmp_path), VOCODER="wavernn")
    line = line_with(f"{file.name} is corrupt", said)
    assert f"better checkpoints fetch --force --dir {tmp_path} vocoder" in line


def test_missing_weights_name_the_network_that_is_available(tmp_path: Path) -> None:
    write_tiny_checkpoint("vocoder", tmp_path)
    said = start_that_fails("vocoder", CHECKPOINTS_DIR=str(tmp_path))
    line = line_with(f"{tmp_path}/vocos: cannot open the folder", said)
    assert "copy the repository's checkpoints/vocos there" in line
    assert f"use {tmp_path}/vocoder with VOCODER=wavernn" in line


def test_unknown_network_names_the_known_ones() -> None:
    said = start_that_fails("vocoder", VOCODER="griffin-lim")
    assert "'vocos' or 'wavernn'" in line_with("VOCODER: ", said)


@every_server
@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("DATABASE_URL", "postgres://host/database", "write mysql+pymysql://user:password@host"),
        ("DATA_DIR", "/dev/null/data", "set DATA_DIR to a writable folder"),
        ("RATE_LIMIT", "often", "write it as 60/minute"),
    ],
)
def test_invalid_setting_is_named_with_the_remedy(
    server: str, setting: str, value: str, remedy: str
) -> None:
    own = {"DATABASE_URL": "", "REDIS_URL": "", setting: value}
    said = start_that_fails("gateway", server, **own)
    assert setting in line_with(remedy, said)
