"""The chain: a voice's clip and a text in, sound out, through the three services over HTTP."""

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies

import httpx
import numpy as np
import orjson

from client.cancellable_transport import CancellableTransport
from client.retries import RetryPolicy
from client.service import OnCall, Service, ignore_call
from client.settings import Settings
from client.wav_stream import Int16Array, NotWav, samples_of_wav
from shared.audio.files import Clip, encode_float_wav
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from shared.services import SERVICES
from shared.text.markup import TextFormat
from shared.text.scripts import require_readable, without_unreadable
from shared.text.sentences import Piece, iter_sentences

log = logging.getLogger("better")

Lexicon = Mapping[str, str]
"""Words, and how they are to be said."""

SAMPLE_RATE = MEL_FORMAT.sample_rate
EMBED_SIZE = 256
_REPORT_NUMBERS = ("seconds", "voiced_seconds", "clipped_share", "level_dbfs", "snr_db")
_CHARS_BATCH = 16  # texts that one call to /chars/ may have
_MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aiff": "audio/aiff",
}
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Synthesis:
    """What the synthesizer says of one piece of text.

    spec: [80, T] mel spectrogram. attention: [S, L], of decoder step s to character l, 0 to 1;
    None unless it was asked for. fault: what is still amiss with the attention after the last of
    several attempts, as the synthesizer names it.
    """

    spec: Float32Array
    attention: Float32Array | None = None
    fault: str | None = None


@dataclass(frozen=True)
class ClipReport:
    """What the encoder found in a clip. clipped_share: 0 to 1, of the samples.

    warnings: what makes the embedding a worse likeness.
    """

    seconds: float
    voiced_seconds: float
    clipped_share: float
    level_dbfs: float
    snr_db: float
    warnings: tuple[str, ...]
    encoder: str = ""
    """SHA-256 of the encoder's weights; "" if the encoder does not tell."""


class Chain:
    """Calls the three services. May be used by several threads at a time.

    on_warning: is told what makes a clip a poor likeness of its voice.
    on_call: is told of every call that is over.

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
        on_call: OnCall = ignore_call,
    ) -> None:
        self._on_warning = on_warning
        settings = settings or Settings()
        retries = retries or RetryPolicy(deadline_seconds=settings.deadline_seconds)
        timeout = httpx.Timeout(settings.read_seconds, connect=settings.connect_seconds)
        self._http = httpx.Client(timeout=timeout, mounts=_mounts())
        given = {"encoder": encoder_url, "synthesizer": synthesizer_url, "vocoder": vocoder_url}
        urls = {name: given.get(name) or settings.service_url(name) for name in SERVICES}
        services = {
            name: Service(name, url, self._http, retries, on_call) for name, url in urls.items()
        }
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

    def embed(self, clip: Path | bytes | Clip) -> Float32Array:
        """[256], unit length: the voice in a sound file, given by its path or its bytes, or in
        samples."""
        answer = self._encoder.call("/inference/", *_clip_body(clip))
        for warning in answer.get("report", {}).get("warnings", []):
            self._on_warning(f"{clip if isinstance(clip, Path) else 'the clip'}: {warning}")
        return _array(self._encoder, answer, "embed", (EMBED_SIZE,))

    def embed_with_report(self, clip: bytes) -> tuple[Float32Array, ClipReport]:
        """[256], unit length, as `embed`; nobody is told of the warnings."""
        answer = self._encoder.call("/inference/", *_clip_body(clip))
        return _array(self._encoder, answer, "embed", (EMBED_SIZE,)), self._report(answer)

    def _report(self, answer: dict[str, Any]) -> ClipReport:
        try:
            found = answer["report"]
            numbers = {name: float(found[name]) for name in _REPORT_NUMBERS}
            warnings = tuple(map(str, found["warnings"]))
            return ClipReport(**numbers, warnings=warnings, encoder=str(answer.get("encoder", "")))
        except (KeyError, TypeError, ValueError):
            raise self._encoder.bad_response("no report of the clip") from None

    def synthesize(
        self,
        text: str,
        embed: Float32Array,
        seed: int | None = None,
        attention: bool = False,
        lexicon: Lexicon | None = None,
    ) -> Synthesis:
        """One piece of text. embed: [256]. attention: whether it is wanted, too. lexicon: words,
        and how they are to be said."""
        request = {"text": text, "embed": embed, "seed": seed_or_new(seed)}
        if attention:
            request["attention"] = True
        if lexicon:
            request["lexicon"] = lexicon
        answer = self._synthesizer.call("/inference/", _json(request), "application/json")
        spec = _array(self._synthesizer, answer, "spec", (MEL_FORMAT.n_mels, None))
        fault = answer.get("fault")
        if not attention:
            return Synthesis(spec, fault=fault)
        read = _array(self._synthesizer, answer, "attention", (None, None))
        return Synthesis(spec, read, fault)

    def spectrogram(self, text: str, embed: Float32Array, seed: int | None = None) -> Float32Array:
        """[80, T] mel spectrogram of one piece of text. embed: [256]."""
        return self.synthesize(text, embed, seed).spec

    def check_texts(self, texts: Sequence[str], lexicon: Lexicon | None = None) -> None:
        """Raises ServiceError if the synthesizer cannot say one of them."""
        for _ in self._chars(texts, lexicon):
            pass

    def symbol_counts(self, texts: Sequence[str], lexicon: Lexicon | None = None) -> list[int]:
        """The symbols of each, its numbers written out. Raises as `check_texts`."""
        counts: list[int] = []
        for answer in self._chars(texts, lexicon):
            chars = _array(self._synthesizer, answer, "chars", (None, None))
            counts += np.count_nonzero(chars, axis=1).tolist()
        return counts

    def spoken(self, texts: Sequence[str], lexicon: Lexicon | None = None) -> list[str]:
        """The texts as they will be said. Raises as `check_texts`."""
        spoken: list[str] = []
        for answer in self._chars(texts, lexicon):
            spoken += map(str, answer.get("spoken") or [])
        if len(spoken) != len(texts):
            raise self._synthesizer.bad_response(f"{len(spoken)} texts for {len(texts)}")
        return spoken

    def _chars(self, texts: Sequence[str], lexicon: Lexicon | None) -> Iterator[dict[str, Any]]:
        """The answers for as many texts as one call takes."""
        for start in range(0, len(texts), _CHARS_BATCH):
            request: dict[str, Any] = {"texts": texts[start : start + _CHARS_BATCH]}
            if lexicon:
                request["lexicon"] = lexicon
            yield self._synthesizer.call("/chars/", _json(request), "application/json")

    def vocode(self, spec: Float32Array, seed: int | None = None) -> Iterator[Int16Array]:
        """[n] int16 samples of 16 kHz each, as they arrive, from a spec [80, T]."""
        # A retry goes on where the broken answer stopped, so both need the same seed.
        request = {"spec": np.ascontiguousarray(spec), "sr": SAMPLE_RATE, "seed": seed_or_new(seed)}
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
        text_format: TextFormat = "plain",
        lexicon: Lexicon | None = None,
    ) -> Iterator[Int16Array]:
        """[n] int16 samples of 16 kHz each: a text of any length, with pauses between sentences.

        The next sentence's spectrogram is made while this one's is vocoded. on_progress: gets the
        share that is done, 0 to 1. Raises as `speakable_pieces`.
        """
        pieces = speakable_pieces(text, text_format=text_format)
        seed = seed_or_new(seed)
        texts = [piece.text for piece in pieces]
        syntheses = self.synthesize_ahead(texts, embed, seed, lexicon=lexicon)
        characters, spoken = sum(len(piece.text) for piece in pieces), 0
        for piece, synthesis in zip(pieces, syntheses, strict=True):
            samples_left = total = vocoded_length(synthesis.spec)
            for samples in self.vocode(synthesis.spec, seed):
                yield samples
                samples_left = max(0, samples_left - len(samples))
                on_progress((spoken + len(piece.text) * (1 - samples_left / total)) / characters)
            spoken += len(piece.text)
            on_progress(spoken / characters)
            if piece is not pieces[-1]:
                yield silence(piece.pause)

    def synthesize_ahead(
        self,
        texts: Sequence[str],
        embed: Float32Array,
        seed: int,
        attention: bool = False,
        lexicon: Lexicon | None = None,
    ) -> Iterator[Synthesis]:
        """The texts one by one; each is in the making while the one before is in use."""
        executor = ThreadPoolExecutor(1)

        def begin(text: str) -> Future[Synthesis]:
            context = copy_context()  # with the request's id
            return executor.submit(
                context.run, self.synthesize, text, embed, seed, attention, lexicon
            )

        try:
            ahead = begin(texts[0])
            for text in texts[1:]:
                synthesis = ahead.result()
                ahead = begin(text)
                yield synthesis
            yield ahead.result()
        finally:
            # Who stops early waits for no spectrogram.
            executor.shutdown(wait=False, cancel_futures=True)


def speakable_pieces(
    text: str, most: int | None = None, text_format: TextFormat = "plain"
) -> list[Piece]:
    """What is said one after the other, without pieces that leave nothing to say, and without the
    few words that may be in scripts which cannot be read.

    most: pieces that are returned; all if None. A text of signs alone is left to the synthesizer.

    Raises:
        UnreadableScript: most of the text is in another script.
        MarkupError: a pause is too long.
        ValueError: the text is empty.
    """
    require_readable(text)
    pieces = map(_readable, iter_sentences(text, text_format=text_format))
    found = list(islice((piece for piece in pieces if piece.speakable), most))
    found = found or list(islice(iter_sentences(text, text_format=text_format), most))
    if not found:
        raise ValueError("the text is empty")
    return found


def _readable(piece: Piece) -> Piece:
    content = without_unreadable(piece.content)
    if content is piece.content:
        return piece
    return replace(piece, text=" ".join(content.text.split()), content=content)


def vocoded_length(spec: Float32Array) -> int:
    """Samples that `Chain.vocode` gives for a spec [80, T]: frames are hops apart."""
    frames: int = spec.shape[1]
    return max(1, frames - 1) * MEL_FORMAT.hop_length


def silence(seconds: float) -> Int16Array:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


def _mounts() -> dict[str, httpx.BaseTransport]:
    """A proxy of the environment is for the way out, not for this machine."""
    transport = CancellableTransport()
    mounts: dict[str, httpx.BaseTransport] = {f"all://{host}": transport for host in _THIS_MACHINE}
    return mounts if "all" in getproxies() else {**mounts, "all://": transport}


def _clip_body(clip: Path | bytes | Clip) -> tuple[bytes, str]:
    """With its content type."""
    if isinstance(clip, Clip):
        return encode_float_wav(clip), "audio/wav"  # a third of the bytes of JSON
    if isinstance(clip, bytes):
        return clip, "audio/wav"  # any audio type will do: the encoder looks into the file itself
    return clip.read_bytes(), _MEDIA_TYPES.get(clip.suffix.lower(), "audio/wav")


def seed_or_new(seed: int | None) -> int:
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
