"""An app with code in place of weights does not start, and says which file."""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

from tests.support.failing_start import start_that_fails
from tests.support.fuzzed_apps import write_tiny_checkpoint


class Evil:
    """Unpickled by an unsafe loader, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


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
    said = start_that_fails("encoder", CHECKPOINTS_DIR=str(tmp_path))
    assert f"{file.name} is not an archive" in said
    assert not (tmp_path / "ran").exists()
