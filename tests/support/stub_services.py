"""Stand-ins for the three services: fast, deterministic, and able to fail on request.

A voice is a tone: the embedding determines the loudest band of the mel spectrogram, and the vocoder
plays a sine at that band's centre. A character lasts FRAMES_PER_CHARACTER frames.

`python -m tests.support.stub_services vocoder 8003` runs one until it is killed.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import numpy as np
import orjson

from shared.audio.files import endless_wav_header
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array

FRAMES_PER_CHARACTER = 6
FRAMES_PER_STEP = 2
SAMPLES_PER_CHUNK = 1600
_FIRST_BAND = 20
_MAX_TEXT = 250

Body = dict[str, Any] | Iterator[bytes]
"""A JSON object, or the chunks of a sound file."""


@dataclass
class Refusal:
    """An error response, sent `times` times instead of a result."""

    status: int
    message: str = "told to fail"
    param: str | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000


class Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore disconnects of clients."""


class StubService:
    """A service in a thread.

    requests: the received JSON bodies in order; {} for a sound file.
    refusal: the response to every request while it is set.
    left: set when a client disconnects before the end of a response.
    weights: the hash in the header of that name.
    before: called with each path before the response; it may block, like a busy service.
    before_part: called before each chunk of a sound file.
    """

    def __init__(self, answer: Callable[[str, dict[str, Any]], Body], port: int = 0) -> None:
        self.answer = answer
        self.reset()
        stub = self

        class Handler(_Handler):
            service = stub

        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def reset(self) -> None:
        """Restore the initial state, except for `answer`."""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.refusal: Refusal | None = None
        self.left = threading.Event()
        self.weights = ""
        self.before: Callable[[str], object] = lambda path: None
        self.before_part: Callable[[], object] = lambda: None

    @property
    def texts(self) -> list[str]:
        return [request["text"] for request in self.requests if "text" in request]

    def refuse_if_told(self) -> None:
        if self.refusal and self.refusal.times > 0:
            self.refusal.times -= 1
            raise Refused(self.refusal)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: StubService

    def do_GET(self) -> None:
        if refusal := self.service.refusal:
            self._refuse(refusal)
        else:
            self._send_json(200, {"status": "ready"})

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length", 0)))
        is_json = self.headers.get("content-type", "").startswith("application/json")
        request = orjson.loads(data) if is_json else {}
        self.service.requests.append(request)
        self.service.headers.append(dict(self.headers))
        self.service.before(self.path)
        try:
            self.service.refuse_if_told()
            answer = self.service.answer(self.path.strip("/"), request)
        except Refused as refused:
            return self._refuse(refused.refusal)
        if isinstance(answer, dict):
            return self._send_json(200, answer)
        return self._send_parts(answer)

    def _refuse(self, refusal: Refusal) -> None:
        fields = {"message": refusal.message, "param": refusal.param, "code": refusal.code}
        error = {"error": {"type": "stub_error", **fields}}
        self._send_json(refusal.status, error, refusal.headers)

    def _send_json(
        self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self._state_weights()
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_parts(self, parts: Iterator[bytes]) -> None:
        self.close_connection = True
        try:
            self.send_response(200)
            self._state_weights()
            self.send_header("content-type", "audio/wav")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for part in parts:
                self.service.before_part()
                self.service.refuse_if_told()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        except Refused:  # too late for a status: abort the connection
            return
        except OSError:
            self.service.left.set()

    def _state_weights(self) -> None:
        if self.service.weights:
            self.send_header("X-Weights-SHA256", self.service.weights)

    def log_message(self, *args: object) -> None:
        pass


@dataclass
class StubServices:
    """with StubServices() as services: ... Each listens on its own port."""

    encoder: StubService = field(default_factory=lambda: StubService(_encode))
    synthesizer: StubService = field(default_factory=lambda: StubService(_synthesize))
    vocoder: StubService = field(default_factory=lambda: StubService(_vocode))

    @property
    def environment(self) -> dict[str, str]:
        """ENCODER_URL, SYNTHESIZER_URL and VOCODER_URL."""
        return {
            "ENCODER_URL": self.encoder.url,
            "SYNTHESIZER_URL": self.synthesizer.url,
            "VOCODER_URL": self.vocoder.url,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for service in (self.encoder, self.synthesizer, self.vocoder):
            service.close()


def stub_embed(voice: int = 0) -> Float32Array:
    """An embedding [256] of unit length. voice: 0 to 39; a higher number is a higher tone."""
    embed = np.zeros(256, np.float32)
    embed[voice] = 1
    return embed


def tone_of(voice: int = 0) -> float:
    """The frequency of the voice's sine, in Hz."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (MEL_FORMAT.fmin, MEL_FORMAT.fmax))
    mel = low + (high - low) * (_FIRST_BAND + voice + 1) / (MEL_FORMAT.n_mels + 1)
    return float(700 * (10 ** (mel / 2595) - 1))


def _encode(path: str, request: dict[str, Any]) -> dict[str, Any]:
    if path == "preprocess":
        return {"wav": request.get("wav", [0.1] * 16_000), "sr": 16_000}
    report = {
        "seconds": 5.0,
        "voiced_seconds": 4.0,
        "clipped_share": 0.0,
        "level_dbfs": -20.0,
        "snr_db": 40.0,
        "warnings": [],
    }
    return {"embed": stub_embed(), "report": report}


def _synthesize(path: str, request: dict[str, Any]) -> dict[str, Any]:
    texts = request["texts"] if path == "chars" else [request["text"]]
    for text in texts:
        _require_speakable(text, "texts" if path == "chars" else "text")
    if path == "chars":
        longest = max(map(len, texts))
        lexicon = request.get("lexicon", {})
        return {
            "chars": [[1] * len(text) + [0] * (longest - len(text)) for text in texts],
            "spoken": [
                " ".join(lexicon.get(word, word) for word in text.split()) for text in texts
            ],
        }
    (text,) = texts
    frames = FRAMES_PER_CHARACTER * len(text)
    spec = np.full((MEL_FORMAT.n_mels, frames), -4, np.float32)
    spec[_FIRST_BAND + int(np.argmax(request["embed"])) % 40] = 2
    answer: dict[str, Any] = {"spec": spec}
    if request.get("timestamps"):
        answer["words"] = _word_times(text, frames * MEL_FORMAT.hop_length / MEL_FORMAT.sample_rate)
    if not request.get("attention"):
        return answer
    steps = frames // FRAMES_PER_STEP
    attention = np.zeros((steps, len(text)), np.float32)
    attention[np.arange(steps), np.arange(steps) * len(text) // steps] = 1
    return {**answer, "attention": attention}


def _word_times(text: str, seconds: float) -> list[dict[str, Any]]:
    """Each word in proportion to its place in the text."""
    each = seconds / len(text)
    return [
        {"word": word[0], "start": word.start() * each, "end": word.end() * each}
        for word in re.finditer(r"[\w'-]+", text)
    ]


def _require_speakable(text: str, param: str) -> None:
    if len(text) > _MAX_TEXT:
        raise Refused(Refusal(400, f"{param}: is too long", param, "string_too_long"))
    if not any("a" <= character.lower() <= "z" or character.isdecimal() for character in text):
        message = f"{param}: {text[:40]!r} leaves no symbol that can be spoken"
        raise Refused(Refusal(400, message, param, "nothing_to_speak"))


def _vocode(path: str, request: dict[str, Any]) -> Iterator[bytes]:
    spec = np.array(request["spec"], np.float32)
    voice = int(spec.mean(axis=1).argmax()) - _FIRST_BAND
    samples = np.arange((spec.shape[1] - 1) * MEL_FORMAT.hop_length)
    wave = 0.5 * np.sin(2 * np.pi * tone_of(voice) * samples / MEL_FORMAT.sample_rate)
    data = (wave * 32_767).astype("<i2")
    yield endless_wav_header(MEL_FORMAT.sample_rate)
    for start in range(0, len(data), SAMPLES_PER_CHUNK):
        yield data[start : start + SAMPLES_PER_CHUNK].tobytes()


if __name__ == "__main__":
    _, name, port = sys.argv
    answers: dict[str, Callable[[str, dict[str, Any]], Body]] = {
        "encoder": _encode,
        "synthesizer": _synthesize,
        "vocoder": _vocode,
    }
    StubService(answers[name], int(port))
