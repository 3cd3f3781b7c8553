"""Requests for the benchmarks: an ordinary one, and the largest allowed, for each app."""

import io
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import orjson
import soundfile

from benchmarks.stages import SENTENCE
from shared.audio.files import encode_float_wav
from shared.audio.mel import MEL_FORMAT
from shared.voices import DEFAULT_VOICE, sample_clip, sample_embeds
from synthesizer_service.text import SYMBOLS
from vocoder_service.wavernn.folding import FIRST_ROUND, GROWTH

CLIP_SECONDS, CLIP_RATE = 60, 96_000
TEXTS, SYMBOLS_OF_TEXT = 2, 1_000
"""A batch may hold 16; the texts are spoken one after the other, and each takes long."""
ORDINARY_FRAMES, MAX_FRAMES = 160, 4_800
READ_BYTES = 2 * (1 + GROWTH) * FIRST_ROUND * MEL_FORMAT.hop_length
"""Bytes of 16-bit samples in two of WaveRNN's rounds; the third has the maximum number of folds.
Vocos' blocks all have the same size."""
CLIENTS, STREAMS = 8, 4
WAV_SECONDS, WAV_RATE = 40, 96_000
"""Nearly the largest body, in 16 bits and two channels."""
LONG_TEXT = "A sentence is about as long as this one is. " * 200
JOB_CHARACTERS = 2_000_000
JSON = {"Content-Type": "application/json"}
UNSPOKEN = "speech_failed"
"""Random weights and random symbols lead to it, after all the work of speaking."""
TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Load:
    """A request and its clients.

    clients: that send it at the same time. With several, some may be rejected, but not all.
    read_bytes: of a streamed response, after which the client leaves and the service stops.
    accepted_error: code of an error that counts as a result.
    """

    name: str
    body: bytes
    clients: int = 1
    read_bytes: float = math.inf
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    path: str = "/inference/"
    accepted_error: str | None = None

    def send(self, url: str) -> None:
        with ThreadPoolExecutor(self.clients) as pool:
            sent = [pool.submit(self._send_once, url) for _ in range(self.clients)]
        served = [request.result() for request in sent]
        if not any(served):
            raise RuntimeError(f"{self.name}: all {self.clients} clients were rejected")

    def _send_once(self, url: str) -> bool:
        """True if it was served, False if it was rejected."""
        with (
            httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as http,
            http.stream("POST", self.path, content=self.body, headers=self.headers) as response,
        ):
            if response.status_code == 429 and self.clients > 1:
                return False
            if not response.is_success:
                content = response.read()
                if self.accepted_error and _code(content) == self.accepted_error:
                    return True
                raise RuntimeError(f"{self.name}: {content[:500]!r}")
            received = 0
            for chunk in response.iter_bytes():
                received += len(chunk)
                if received > self.read_bytes:
                    break
        return True


def _code(response: bytes) -> object:
    """The code of an error as JSON, None for other content."""
    try:
        return orjson.loads(response)["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return None


def ordinary(service: str) -> Load:
    name = "an ordinary request"
    if service == "encoder":
        clip = sample_clip(seconds=5)
        return Load(f"{name}, 5 s of sound", _dumps({"wav": clip.wav, "sr": clip.rate}))
    if service == "synthesizer":
        embed = sample_embeds()[DEFAULT_VOICE]
        body = _dumps({"text": SENTENCE, "embed": embed, "seed": 1})
        return Load(f"{name}, ten words", body, accepted_error=UNSPOKEN)
    return Load(f"{name}, 2 s of mel", _spec(ORDINARY_FRAMES))


def clip_of_the_chain() -> Load:
    """A clip as our client sends it to the encoder: a third of the bytes of JSON."""
    body = encode_float_wav(sample_clip(seconds=5))
    return Load("5 s of sound as a float WAV", body, headers={"Content-Type": "audio/wav"})


def largest(service: str) -> list[Load]:
    if service == "gateway":
        return _largest_of_the_gateway()
    if service == "encoder":
        headers = {"Content-Type": "audio/flac"}
        name = f"{CLIP_SECONDS} s at {CLIP_RATE // 1000} kHz, FLAC"
        return [
            Load("a minute of JSON", _longest_json()),
            Load(name, _longest_flac(), headers=headers),
            Load(f"a minute of JSON, {CLIENTS} at once", _longest_json(), clients=CLIENTS),
            Load(
                f"16 MB of WAV, {CLIENTS} at once",
                _largest_wav(),
                clients=CLIENTS,
                headers={"Content-Type": "audio/wav"},
            ),
        ]
    if service == "synthesizer":
        chars = np.random.default_rng(0).integers(1, len(SYMBOLS), (TEXTS, SYMBOLS_OF_TEXT))
        embeds = np.stack([sample_embeds()[DEFAULT_VOICE]] * TEXTS)
        body = _dumps({"chars": chars, "batched_embeds": embeds, "seed": 1})
        name = f"{TEXTS} texts of {SYMBOLS_OF_TEXT} symbols"
        return [Load(name, body, accepted_error=UNSPOKEN)]
    headers = JSON | {"Accept": "audio/pcm"}
    name = f"60 s of mel, {READ_BYTES / 2 / MEL_FORMAT.sample_rate:.0f} s of its sound"
    one = Load(name, _spec(MAX_FRAMES), headers=headers, read_bytes=READ_BYTES)
    return [replace(one, name=f"{name}, {STREAMS} at once", clients=STREAMS)]


def _largest_of_the_gateway() -> list[Load]:
    """The longest texts and the largest files."""
    speech = {"input": LONG_TEXT[:4096], "voice": DEFAULT_VOICE, "response_format": "flac"}
    job = {"input": LONG_TEXT * (JOB_CHARACTERS // len(LONG_TEXT)), "voice": DEFAULT_VOICE}
    minute = sample_clip(seconds=CLIP_SECONDS)
    said = {"wav": np.resize(minute.wav, CLIP_SECONDS * 16_000), "sr": 16_000, "text": "Hm."}
    return [
        Load("4,096 characters as FLAC", _dumps(speech), path="/v1/audio/speech"),
        Load("a job of two million characters", _dumps(job), path="/v1/jobs"),
        Load("a minute of JSON to speak like", _dumps(said), path="/inference-c/"),
        Load(
            f"16 MB of WAV to verify, {CLIENTS} at once",
            _largest_wav(),
            clients=CLIENTS,
            headers={"Content-Type": "audio/wav"},
            path="/v1/audio/verify",
        ),
    ]


def _spec(frames: int) -> bytes:
    shape = MEL_FORMAT.n_mels, frames
    return _dumps({"spec": np.random.default_rng(0).uniform(-4, 4, shape).round(3), "seed": 1})


def _longest_json() -> bytes:
    """Nearly the maximum number of JSON values."""
    clip = sample_clip(seconds=CLIP_SECONDS)
    return _dumps({"wav": np.resize(clip.wav, CLIP_SECONDS * 16_000), "sr": 16_000})


def _longest_flac() -> bytes:
    """A minute at the highest rate; only FLAC makes it small enough."""
    clip = sample_clip(seconds=CLIP_SECONDS)
    wav = np.resize(np.repeat(clip.wav, CLIP_RATE // clip.rate), CLIP_SECONDS * CLIP_RATE)
    file = io.BytesIO()
    soundfile.write(file, wav, CLIP_RATE, format="FLAC")
    return file.getvalue()


def _largest_wav() -> bytes:
    clip = sample_clip(seconds=WAV_SECONDS)
    wav = np.resize(np.repeat(clip.wav, WAV_RATE // clip.rate), (WAV_SECONDS * WAV_RATE, 2))
    file = io.BytesIO()
    soundfile.write(file, wav, WAV_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _dumps(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
