"""The chain for code that blocks: the coroutines of AsyncChain and of the pipeline, as methods."""

import asyncio
import concurrent.futures
import logging
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from anyio import from_thread

from client import speech
from client.async_chain import EMBED_SIZE, SAMPLE_RATE, AsyncChain, EmbeddedClip, Synthesis
from client.options import Lexicon, SpeechOptions, seed_or_new
from client.retries import RetryPolicy
from client.service import OnCall, ignore_call
from client.settings import Settings
from client.speech import Sentence, silence, speakable_pieces, vocoded_length
from client.wav_stream import Int16Array
from shared.audio.files import Clip
from shared.http.deadlines import ClientDisconnected
from shared.http.tensors import Float32Array
from shared.text.sentences import Piece

__all__ = [
    "EMBED_SIZE",
    "SAMPLE_RATE",
    "Chain",
    "EmbeddedClip",
    "Lexicon",
    "Sentence",
    "Synthesis",
    "WorkerThreadChain",
    "seed_or_new",
    "silence",
    "speakable_pieces",
    "vocoded_length",
]

T = TypeVar("T")
_END: Any = object()
log = logging.getLogger("better")


class Chain:
    """A blocking client of the three services. Threads may share it.

    Methods take the arguments of AsyncChain and of the functions in client/speech.py, and raise
    the same errors. They run on an event loop in a thread of the chain's own, which the first call
    starts. Closing a generator ends its calls to the services.
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
        urls = encoder_url, synthesizer_url, vocoder_url
        self._chain = AsyncChain(
            *urls, settings=settings, retries=retries, on_warning=on_warning, on_call=on_call
        )
        self._loop: EventLoopThread | None = None
        self._open: set[AsyncGenerator[Any]] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. Calls that are still running are cancelled."""
        with self._lock:
            self._is_closed, loop, self._loop = True, self._loop, None
        if loop:
            for items in [*self._open]:  # Ctrl-C leaves them open
                with suppress(RuntimeError):  # one that is being closed
                    loop.run(items.aclose)
            loop.run(self._chain.aclose)
            loop.stop()

    @property
    def weights(self) -> str:
        return self._chain.weights

    def fetch_weights(self) -> str:
        return self._run(self._chain.fetch_weights)

    def embed(self, clip: Path | bytes | Clip) -> Float32Array:
        return self._run(self._chain.embed, clip)

    def embed_with_report(self, clip: bytes) -> EmbeddedClip:
        return self._run(self._chain.embed_with_report, clip)

    def synthesize(
        self,
        text: str,
        embed: Float32Array,
        seed: int | None = None,
        attention: bool = False,
        lexicon: Lexicon | None = None,
        timestamps: bool = False,
    ) -> Synthesis:
        return self._run(self._chain.synthesize, text, embed, seed, attention, lexicon, timestamps)

    def spectrogram(self, text: str, embed: Float32Array, seed: int | None = None) -> Float32Array:
        """[80, T]: the mel of one piece of text. embed: [256]."""
        return self.synthesize(text, embed, seed).spec

    def check_texts(self, texts: Sequence[str], lexicon: Lexicon | None = None) -> None:
        self._run(self._chain.check_texts, texts, lexicon)

    def vocode(
        self, spec: Float32Array, seed: int | None = None, temperature: float = 1.0
    ) -> Generator[Int16Array]:
        return self._iterate(self._chain.vocode(spec, seed, temperature))

    def sentences(
        self, pieces: Sequence[Piece], embed: Float32Array, options: SpeechOptions
    ) -> Generator[Sentence]:
        return self._iterate(speech.synthesize(self._chain, pieces, embed, options))

    def sound_of(self, sentence: Sentence, options: SpeechOptions) -> Generator[Int16Array]:
        return self._iterate(speech.sound_of(self._chain, sentence, options))

    def speak(
        self,
        text: str,
        embed: Float32Array,
        options: SpeechOptions | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
        on_sentence: Callable[[Sentence], None] = lambda sentence: None,
    ) -> Generator[Int16Array]:
        options = options or SpeechOptions()
        return self._iterate(
            speech.speak(self._chain, text, embed, options, on_progress, on_sentence)
        )

    def speak_pieces(
        self,
        pieces: Sequence[Piece],
        embed: Float32Array,
        options: SpeechOptions | None = None,
        on_progress: Callable[[float], None] = lambda share: None,
        on_sentence: Callable[[Sentence], None] = lambda sentence: None,
    ) -> Generator[Int16Array]:
        options = options or SpeechOptions()
        return self._iterate(
            speech.speak_pieces(self._chain, pieces, embed, options, on_progress, on_sentence)
        )

    def _iterate(self, items: AsyncGenerator[T]) -> Generator[T]:
        async def following() -> T:
            return await anext(items, _END)

        self._open.add(items)
        try:
            while (item := self._run(following)) is not _END:
                try:
                    yield item
                except GeneratorExit:
                    if not self._is_closed:  # closing the chain closes its generators
                        self._run(items.aclose)
                    raise
        finally:
            # After Ctrl-C in the call itself it stays open, for `close`.
            if not isinstance(sys.exception(), (KeyboardInterrupt, SystemExit)):
                self._open.discard(items)

    def _run(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the chain is closed; open another one")
            loop = self._loop = self._loop or EventLoopThread("chain")
        return loop.run(call, *args)


class WorkerThreadChain(Chain):
    """A Chain for worker threads of an event loop, on which the calls run.

    chain: belongs to that event loop. A call raises ClientDisconnected as soon as the request is
    cancelled that the thread works for.
    """

    def __init__(self, chain: AsyncChain) -> None:
        self._chain = chain
        self._open = set()
        self._is_closed = False

    def close(self) -> None:
        self._is_closed = True
        from_thread.run(self._chain.aclose)

    def _run(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        try:
            return from_thread.run(_await, call, *args)
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            raise ClientDisconnected from None


class EventLoopThread:
    """An event loop in a daemon thread, which threads run coroutines on."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, call: Callable[..., Awaitable[T]], *args: Any) -> T:
        """The result of `await call(*args)` there; its exceptions are raised here."""
        future = asyncio.run_coroutine_threadsafe(_await(call, *args), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # it is still running after Ctrl-C

    def stop(self) -> None:
        """Cancel the coroutines that still run, and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run_forever(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()


async def _await(call: Callable[..., Awaitable[T]], *args: Any) -> T:
    return await call(*args)
