"""An app with weights that are not what their manifest says does not start, and says which file."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import REPOSITORY, free_port
from tests.fuzzed_apps import write_tiny_checkpoint


class Evil:
    """Unpickled by an unsafe loader, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def start_that_fails(name: str, folder: Path) -> str:
    """Gives what the app says on its way out."""
    own = {"SERVICE": name, "BIND_HOST": "127.0.0.1", "PORT": str(free_port())}
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"],
        cwd=REPOSITORY,
        env={**os.environ, **own, "CHECKPOINTS_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode != 0
    return ended.stderr


def test_app_with_a_flipped_byte_in_its_weights_does_not_start(tmp_path: Path) -> None:
    write_tiny_checkpoint("vocoder", tmp_path)
    file = max((tmp_path / "vocoder").glob("*.pt"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    said = start_that_fails("vocoder", tmp_path)
    assert f"{file.name} is corrupt" in said
    assert "better checkpoints fetch --force vocoder" in said


def test_app_with_code_in_its_weights_does_not_run_it(tmp_path: Path) -> None:
    write_tiny_checkpoint("encoder", tmp_path)
    manifest = tmp_path / "encoder/manifest.json"
    fields = json.loads(manifest.read_text())
    entry = max(fields["parameters"], key=lambda entry: entry["shape"])
    file = tmp_path / "encoder" / entry["file"]
    data = pickle.dumps(Evil(tmp_path / "ran")).ljust(file.stat().st_size, b"\0")
    file.write_bytes(data)
    entry["sha256"] = hashlib.sha256(data).hexdigest()
    manifest.write_text(json.dumps(fields))
    assert f"{file.name} is not an archive" in start_that_fails("encoder", tmp_path)
    assert not (tmp_path / "ran").exists()
