"""The three services as coroutines: a clip to an embedding, a text to a mel, a mel to sound."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import numpy as np
import orjson
from pydantic import TypeAdapter, ValidationError

from client.options import Lexicon, seed_or_new
from client.retries import RetryPolicy
from client.service import OnCall, Service, ignore_call
from client.settings import Settings
from client.wav_stream import Int16Array, NotWav, WavDecoder
from shared.audio.clip_report import ClipReport
from shared.audio.files import Clip, encode_float_wav
from shared.audio.formats import MEDIA_TYPE_BY_SUFFIX
from shared.audio.mel import MEL_FORMAT
from shared.captions import WordTime
from shared.http.tensors import Float32Array

T = TypeVar("T")
Json = dict[str, Any]
log = logging.getLogger("better")

SAMPLE_RATE = MEL_FORMAT.sample_rate
EMBED_SIZE = 256
_REPORT = TypeAdapter(ClipReport)
_CHARS_BATCH = 16  # texts in one call to /chars/
# A proxy in the environment is for other machines, so these hosts are mounted without one.
_DIRECT = dict.fromkeys(["all://127.0.0.1", "all://localhost", "all://[::1]"])


@dataclass(frozen=True)
class Synthesis:
    """The synthesizer's response to one piece of text.

    spec: [80, T] mel spectrogram. attention: [S, L] weight of character l at decoder step s, 0 to
    1; None unless requested. words: the words of the text with their times in the mel; None unless
    requested. fault: the defect that is left in the attention after all attempts,
    as the synthesizer names it.
    """

    spec: Float32Array
    attention: Float32Array | None = None
    words: tuple[WordTime, ...] | None = None
    fault: str | None = None


@dataclass(frozen=True)
class EmbeddedClip:
    """embed: [256], unit length. encoder: SHA-256 of its weights; "" if it does not state it."""

    embed: Float32Array
    report: ClipReport
    encoder: str = ""


class AsyncChain:
    """A client of the three services, for one event loop.

    on_warning: called with each warning about a clip. on_call: called after each attempt.

    URLs and timeouts default to the environment's (client/settings.py). Every method raises a
    ChainError: Unreachable, TimedOut, ServiceError or BadResponse.
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
        on_call: OnCall = ignore_call,
    ) -> None:
        settings = settings or Settings()
        retries = retries or RetryPolicy(deadline_seconds=settings.deadline_seconds)
        timeout = httpx.Timeout(settings.read_seconds, connect=settings.connect_seconds)
        self._http = httpx.AsyncClient(timeout=timeout, mounts=_DIRECT)
        self._on_warning = on_warning

        def service(name: str, url: str | None) -> Service:
            return Service(name, url or settings.service_url(name), self._http, retries, on_call)

        self._encoder = service("encoder", encoder_url)
        self._synthesizer = service("synthesizer", synthesizer_url)
        self._vocoder = service("vocoder", vocoder_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    @property
    def weights(self) -> str:
        """An ID of the weights of synthesizer and vocoder behind their last responses; "" if they
        do not tell. Equal requests give equal sound only under equal weights."""
        stated = [service.weights for service in (self._synthesizer, self._vocoder)]
        return sha256(" ".join(stated).encode()).hexdigest()[:32] if any(stated) else ""

    async def fetch_weights(self) -> str:
        """Ask the two services for `weights`."""
        await self._synthesizer.fetch_weights()
        await self._vocoder.fetch_weights()
        return self.weights

    async def embed(self, clip: Path | bytes | Clip) -> Float32Array:
        """[256], unit length: the voice in a sound file, given as a path, as bytes or as samples.

        Calls on_warning with each of the encoder's warnings.
        """

        def parse(response: Json) -> tuple[Float32Array, list[str]]:
            return self._embedding(response), _warnings(response)

        embed, warnings = await self._encode(clip, parse)
        for warning in warnings:
            self._on_warning(f"{clip if isinstance(clip, Path) else 'the clip'}: {warning}")
        return embed

    async def embed_with_report(self, clip: bytes) -> EmbeddedClip:
        """The voice in a sound file, with the encoder's report, warnings included."""

        def parse(response: Json) -> EmbeddedClip:
            try:
                report = _REPORT.validate_python(response.get("report"))
            except ValidationError:
                raise self._encoder.bad_response("no report of the clip") from None
            return EmbeddedClip(self._embedding(response), report, str(response.get("encoder", "")))

        return await self._encode(clip, parse)

    async def _encode(self, clip: Path | bytes | Clip, parse: Callable[[Json], T]) -> T:
        body, media_type = await asyncio.to_thread(_clip_body, clip)
        return await self._encoder.call("/inference/", body, media_type, parse)

    def _embedding(self, response: Json) -> Float32Array:
        return _array(self._encoder, response, "embed", (EMBED_SIZE,))

    async def synthesize(
        self,
        text: str,
        embed: Float32Array,
        seed: int | None = None,
        attention: bool = False,
        lexicon: Lexicon | None = None,
        timestamps: bool = False,
    ) -> Synthesis:
        """The mel of one piece of text. embed: [256]. attention, timestamps: request the attention,
        the times of the words too."""
        request = {"text": text, "embed": embed, "seed": seed_or_new(seed)}
        if attention:
            request["attention"] = True
        if lexicon:
            request["lexicon"] = lexicon
        if timestamps:
            request["timestamps"] = True

        def parse(response: Json) -> Synthesis:
            spec = _array(self._synthesizer, response, "spec", (MEL_FORMAT.n_mels, None))
            weights = None
            if attention:
                weights = _array(self._synthesizer, response, "attention", (None, None))
            words = self._words(response) if timestamps else None
            return Synthesis(spec, weights, words, response.get("fault"))

        body = _json(request)
        return await self._synthesizer.call("/inference/", body, "application/json", parse)

    def _words(self, response: Json) -> tuple[WordTime, ...]:
        try:
            return tuple(
                WordTime(str(word["word"]), float(word["start"]), float(word["end"]))
                for word in response["words"]
            )
        except (KeyError, TypeError, ValueError):
            raise self._synthesizer.bad_response("no times of the words") from None

    async def check_texts(self, texts: Sequence[str], lexicon: Lexicon | None = None) -> None:
        """Raises ServiceError if the synthesizer cannot speak one of the texts."""
        await self._chars(texts, lexicon, lambda response: [])

    async def symbol_counts(
        self, texts: Sequence[str], lexicon: Lexicon | None = None
    ) -> list[int]:
        """The number of symbols of each text, numbers written out. Raises as `check_texts`."""

        def count(response: Json) -> list[int]:
            chars = _array(self._synthesizer, response, "chars", (None, None))
            counts: list[int] = np.count_nonzero(chars, axis=1).tolist()
            return counts

        return await self._chars(texts, lexicon, count)

    async def spoken(self, texts: Sequence[str], lexicon: Lexicon | None = None) -> list[str]:
        """The texts in words, as they are pronounced. Raises as `check_texts`."""
        spoken = await self._chars(
            texts, lexicon, lambda response: [str(text) for text in response.get("spoken") or []]
        )
        if len(spoken) != len(texts):
            raise self._synthesizer.bad_response(f"{len(spoken)} texts for {len(texts)}")
        return spoken

    async def _chars(
        self, texts: Sequence[str], lexicon: Lexicon | None, parse: Callable[[Json], list[T]]
    ) -> list[T]:
        found: list[T] = []
        for start in range(0, len(texts), _CHARS_BATCH):
            request: Json = {"texts": texts[start : start + _CHARS_BATCH]}
            if lexicon:
                request["lexicon"] = lexicon
            body = _json(request)
            found += await self._synthesizer.call("/chars/", body, "application/json", parse)
        return found

    async def vocode(
        self, spec: Float32Array, seed: int | None = None, temperature: float = 1.0
    ) -> AsyncGenerator[Int16Array]:
        """[n] int16 samples of 16 kHz each, as they arrive. spec: [80, T]."""
        request = {
            "spec": np.ascontiguousarray(spec),
            "sr": SAMPLE_RATE,
            # One seed for all attempts: a retry continues where the broken response stopped.
            "seed": seed_or_new(seed),
            "temperature": temperature,
        }
        body = await asyncio.to_thread(_json, request)
        decoder = WavDecoder(SAMPLE_RATE)
        async with aclosing(self._vocoder.stream("/inference/", body, "audio/wav")) as received:
            try:
                async for data in received:
                    if len(samples := decoder.decode(data)):
                        yield samples
                decoder.flush()
            except NotWav as error:
                raise self._vocoder.bad_response(f"a broken sound file ({error})") from None


def _warnings(response: Json) -> list[str]:
    """Warnings, then notes."""
    report = response.get("report", {})
    return [*report.get("warnings", []), *report.get("notes", [])]


def _clip_body(clip: Path | bytes | Clip) -> tuple[bytes, str]:
    """A request body and its media type."""
    if isinstance(clip, Clip):
        return encode_float_wav(clip), "audio/wav"  # a third of the bytes of JSON
    if isinstance(clip, bytes):
        return clip, "audio/wav"  # any audio type will do: the encoder detects the format itself
    return clip.read_bytes(), MEDIA_TYPE_BY_SUFFIX.get(clip.suffix.lower(), "audio/wav")


def _json(request: Json) -> bytes:
    return orjson.dumps(request, option=orjson.OPT_SERIALIZE_NUMPY)


def _array(
    service: Service, response: Json, name: str, shape: tuple[int | None, ...]
) -> Float32Array:
    """shape: None stands for any length. Raises BadResponse."""
    try:
        array = np.array(response[name], np.float32)
    except (KeyError, TypeError, ValueError):
        raise service.bad_response(f"no tensor {name!r}") from None
    if len(array.shape) != len(shape) or not array.size:
        raise service.bad_response(f"{name} of shape {list(array.shape)}")
    if any(n not in (None, given) for n, given in zip(shape, array.shape, strict=True)):
        raise service.bad_response(f"{name} of shape {list(array.shape)}")
    return array
