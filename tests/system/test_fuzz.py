"""Every app conforms to its OpenAPI document: schemathesis.

The suite has a short run with fixed data. `make fuzz` runs FUZZ_EXAMPLES with new data.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.support.fuzzed_apps import APPS, KEY, fuzzed

CONFIG = REPOSITORY / "tests/support/fuzzing/schemathesis.toml"
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
AUTHORISED = {"Authorization": f"Bearer {KEY}"}
MAX_GROWTH = 100e6  # bytes; a leak of one body in a hundred is more in a long run


def holds(url: str) -> tuple[float, float]:
    """Resident bytes and open descriptors of the process."""
    text = httpx.get(f"{url}/metrics", headers=AUTHORISED, timeout=60).text
    found = dict(re.findall(r"^process_(resident_memory_bytes|open_fds) (\S+)$", text, re.M))
    return float(found["resident_memory_bytes"]), float(found["open_fds"])


@pytest.mark.parametrize("name", APPS)
def test_app_conforms_to_its_openapi_document(name: str, tmp_path: Path) -> None:
    how = ["--max-examples", EXAMPLES] if EXAMPLES else ["--generation-deterministic", "-n", "5"]
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)]
    key = [part for pair in AUTHORISED.items() for part in ("--header", ": ".join(pair))]
    with fuzzed(name, tmp_path) as url:
        bytes_before, descriptors_before = holds(url)
        command = [*program, "run", f"{url}/openapi.json", "--no-color", *how, *key]
        run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"{run.stdout[-20_000:]}\n{run.stderr[-2_000:]}"
        tested = re.search(r"Selected: (\d+)/\1\n\s+Tested: \1\n", run.stdout)
        assert tested, run.stdout
        bytes_after, descriptors_after = holds(url)
    assert bytes_after - bytes_before < MAX_GROWTH
    assert descriptors_after - descriptors_before < 20
