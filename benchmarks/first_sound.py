"""Time to the vocoder's first sound, for a short mel and for the longest."""

from collections.abc import Iterator
from functools import partial

import httpx
import numpy as np
import orjson

from benchmarks.results import MILLISECONDS, Row, Table, seconds_of
from benchmarks.services import running
from shared.audio.files import endless_wav_header
from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.voices import sample_clip

MAX_MS = 60
FRAMES = {"2 s": 160, "60 s": 4_800}
QUICK_FRAMES = {"1 s": 80}
HEADER_BYTES = len(endless_wav_header(MEL_FORMAT.sample_rate))
TIMEOUT = 120  # seconds


def measure(runs: int, quick: bool) -> Table:
    lengths = QUICK_FRAMES if quick else FRAMES
    with running(["vocoder"]) as services:
        rows = [*_rows(services.urls["vocoder"], lengths, runs)]
    note = (
        "from the request, a mel as JSON, until the first sample of a streamed WAV; the client "
        "then leaves; bundled weights, over HTTP"
    )
    return Table("First sound of the vocoder", note, rows)


def _rows(url: str, lengths: dict[str, int], runs: int) -> Iterator[Row]:
    with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
        for called, frames in lengths.items():
            seconds = seconds_of(partial(hear, http, _body(frames)), runs)
            milliseconds = [run * MILLISECONDS for run in seconds]
            yield Row(f"a mel of {called}", "ms", milliseconds, MAX_MS)


def hear(http: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "Accept": "audio/wav"}
    received = 0
    with http.stream("POST", "/inference/", content=body, headers=headers) as response:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            received += len(chunk)
            if received > HEADER_BYTES:
                return
    raise RuntimeError("the vocoder's response has no samples")


def _body(frames: int) -> bytes:
    """A real mel, again and again until it is long enough."""
    clip = sample_clip(seconds=5)
    mel = mel_spectrogram(clip.wav[: 4 * MEL_FORMAT.sample_rate])
    spec = np.tile(mel, -(-frames // mel.shape[1]))[:, :frames]
    request = {"spec": np.ascontiguousarray(spec), "sr": MEL_FORMAT.sample_rate, "seed": 1}
    return orjson.dumps(request, option=orjson.OPT_SERIALIZE_NUMPY)
