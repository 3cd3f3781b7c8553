"""The chain: a voice's clip and a text in, sound out, through the three services over HTTP."""

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import orjson

from client.retries import RetryPolicy
from client.service import Service
from client.settings import Settings
from client.wav_stream import Int16Array, NotWav, samples_of_wav
from shared.mel import MEL_FORMAT
from shared.sentences import split_sentences
from shared.tensors import Float32Array

log = logging.getLogger("better")

SAMPLE_RATE = MEL_FORMAT.sample_rate
EMBED_SIZE = 256
_MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aiff": "audio/aiff",
}
# A proxy of the environment is for the way out, not for this machine.
_NO_PROXY = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}


class Chain:
    """Calls the three services. May be used by several threads at a time.

    on_warning: is told what makes a clip a poor likeness of its voice.

    Addresses and time limits default to the environment's (client/settings.py). Every call raises
    a ChainError: Unreachable, TimedOut, ServiceError or BadResponse.
    """

    def __init__(
        self,
        encoder_url: str | None = None,
        synthesizer_url: str | None = None,
        vocoder_url: str | None = None,
        *,
        settings: Settings | None = None,
        retries: RetryPolicy | None = None,
        on_warning: Callable[[str], None] = log.warning,
    ) -> None:
        self._on_warning = on_warning
        settings = settings or Settings()
        retries = retries or RetryPolicy(deadline_seconds=settings.deadline_seconds)
        timeout = httpx.Timeout(settings.read_seconds, connect=settings.connect_seconds)
        self._http = httpx.Client(timeout=timeout, mounts=_NO_PROXY)
        urls = {
            "encoder": encoder_url or str(settings.encoder_url),
            "synthesizer": synthesizer_url or str(settings.synthesizer_url),
            "vocoder": vocoder_url or str(settings.vocoder_url),
        }
        services = {name: Service(name, url, self._http, retries) for name, url in urls.items()}
        self._encoder = services["encoder"]
        self._synthesizer = services["synthesizer"]
        self._vocoder = services["vocoder"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def embed(self, clip: Path | bytes) -> Float32Array:
        """[256], unit length: the voice in a sound file, given by its path or its bytes."""
        suffix = clip.suffix.lower() if isinstance(clip, Path) else ".wav"
        # Any audio type will do: the encoder looks into the file itself.
        kind = _MEDIA_TYPES.get(suffix, "audio/wav")
        body = clip.read_bytes() if isinstance(clip, Path) else clip
        answer = self._encoder.call("/inference/", body, kind)
        for warning in answer.get("report", {}).get("warnings", []):
            self._on_warning(f"{clip if isinstance(clip, Path) else 'the clip'}: {warning}")
        return _array(self._encoder, answer, "embed", (EMBED_SIZE,))

    def spectrogram(self, text: str, embed: Float32Array, seed: int | None = None) -> Float32Array:
        """[80, T] mel spectrogram of one piece of text. embed: [256]."""
        request = {"text": text, "embed": embed, "seed": _seed_or_new(seed)}
        answer = self._synthesizer.call("/inference/", _json(request), "application/json")
        return _array(self._synthesizer, answer, "spec", (MEL_FORMAT.n_mels, None))

    def vocode(self, spec: Float32Array, seed: int | None = None) -> Iterator[Int16Array]:
        """[n] int16 samples of 16 kHz each, as they arrive, from a spec [80, T]."""
        # A retry goes on where the broken answer stopped, so both need the same seed.
        request = {"spec": spec, "sr": SAMPLE_RATE, "seed": _seed_or_new(seed)}
        with closing(self._vocoder.stream("/inference/", _json(request), "audio/wav")) as received:
            try:
                yield from samples_of_wav(received, SAMPLE_RATE)
            except NotWav as error:
                raise self._vocoder.bad_response(f"a broken sound file ({error})") from None

    def speak(
        self,
        text: str,
        embed: Float32Array,
        seed: int | None = None,
        on_progress: Callable[[float], None] = lambda done: None,
    ) -> Iterator[Int16Array]:
        """[n] int16 samples of 16 kHz each: a text of any length, with pauses between sentences.

        The next sentence's spectrogram is made while this one's is vocoded. on_progress: gets the
        share that is done, 0 to 1. Raises ValueError for an empty text.
        """
        pieces = split_sentences(text)
        if not pieces:
            raise ValueError("the text is empty")
        pieces = [piece for piece in pieces if piece.speakable] or pieces
        seed = _seed_or_new(seed)
        specs = self._specs_ahead([piece.text for piece in pieces], embed, seed)
        characters, spoken = sum(len(piece.text) for piece in pieces), 0
        for piece, spec in zip(pieces, specs, strict=True):
            samples_left = total = spec.shape[1] * MEL_FORMAT.hop_length
            for samples in self.vocode(spec, seed):
                yield samples
                samples_left = max(0, samples_left - len(samples))
                on_progress((spoken + len(piece.text) * (1 - samples_left / total)) / characters)
            spoken += len(piece.text)
            on_progress(spoken / characters)
            if piece is not pieces[-1]:
                yield silence(piece.pause)

    def _specs_ahead(
        self, texts: Sequence[str], embed: Float32Array, seed: int
    ) -> Iterator[Float32Array]:
        """The spectrograms of the texts; each is in the making while the one before is in use."""
        executor = ThreadPoolExecutor(1)
        try:
            ahead = executor.submit(self.spectrogram, texts[0], embed, seed)
            for text in texts[1:]:
                spec = ahead.result()
                ahead = executor.submit(self.spectrogram, text, embed, seed)
                yield spec
            yield ahead.result()
        finally:
            # Who stops early waits for no spectrogram.
            executor.shutdown(wait=False, cancel_futures=True)


def silence(seconds: float) -> Int16Array:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def _seed_or_new(seed: int | None) -> int:
    return secrets.randbits(31) if seed is None else seed


def _json(request: dict[str, Any]) -> bytes:
    return orjson.dumps(request, option=orjson.OPT_SERIALIZE_NUMPY)


def _array(
    service: Service, answer: dict[str, Any], name: str, shape: tuple[int | None, ...]
) -> Float32Array:
    """shape: None where any length will do. Raises BadResponse."""
    try:
        array = np.array(answer[name], np.float32)
    except (KeyError, TypeError, ValueError):
        raise service.bad_response(f"no tensor {name!r}") from None
    if len(array.shape) != len(shape) or not array.size:
        raise service.bad_response(f"{name} of shape {list(array.shape)}")
    if any(n not in (None, given) for n, given in zip(shape, array.shape, strict=True)):
        raise service.bad_response(f"{name} of shape {list(array.shape)}")
    return array
