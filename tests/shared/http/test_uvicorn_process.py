"""An app under uvicorn alone."""

import os
import subprocess
import sys

import pytest

from shared.settings import REPOSITORY


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"SERVICE": "tts"}, "SERVICE is 'tts'; set it to one of"),
        ({"SERVICE": "gateway", "BIND_HOST": "0.0.0.0"}, "set API_KEYS"),
    ],
)
def test_unusable_setting_ends_the_process_with_one_line(
    variables: dict[str, str], line: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "shared.http.uvicorn_process"],
        env={"PATH": os.environ["PATH"], **variables},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert line in ended.stderr
    assert "Traceback" not in ended.stderr
