"""The process that decodes one sound file: what it writes."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import soundfile

from shared.audio.decoding import HEAD
from shared.settings import REPOSITORY


def written(decoder: str, data: bytes, max_seconds: float = 10, rate: int = 16_000) -> bytes:
    """The whole output of the process."""
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "shared.audio.decoding_process",
            decoder,
            f"{max_seconds}",
            f"{rate}",
        ],
        input=data,
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    return ended.stdout


def flac(samples: int, rate: int = 8_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.sin(np.arange(samples) / 9), rate, format="FLAC")
    return file.getvalue()


def test_blocks_of_sound_are_followed_by_no_refusal() -> None:
    output = io.BytesIO(written("libsndfile", flac(4_000)))
    samples = 0
    while (head := HEAD.unpack(output.read(HEAD.size)))[0]:
        rate, count = head
        assert rate == 8_000
        assert np.abs(np.frombuffer(output.read(4 * count), np.float32)).max() <= 0.11
        samples += count
    assert samples == 4_000
    assert json.load(output) is None


def test_refusal_names_kind_message_param_and_code() -> None:
    output = written("ffmpeg", b"no sound")
    assert HEAD.unpack(output[: HEAD.size]) == (0, 0)
    refusal = json.loads(output[HEAD.size :])
    assert refusal.keys() == {"kind", "message", "param", "code"}
    assert refusal["kind"] == "UnsupportedMediaType"
