"""Runs jobs in a worker, sentence by sentence, from where the last worker stopped."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import orjson

from client.chain import Chain, silence
from client.options import SpeechOptions
from client.retries import RetryPolicy
from client.speech import Sentence
from gateway_service.jobs.books import (
    audiobook_format,
    audiobook_parts,
    decode_voices,
    read_contents,
)
from gateway_service.jobs.leases import MAX_BACKOFF_SECONDS, Leases
from gateway_service.jobs.reuse import EarlierSentences
from gateway_service.jobs.sound import (
    SKIPPED,
    Digest,
    JobSounds,
    SentenceSound,
    split_into_blocks,
)
from gateway_service.service_calls import as_api_errors
from gateway_service.speech import speaking
from gateway_service.speech.encoding import ResponseFormat, encode
from gateway_service.speech.flac import encode_flac
from gateway_service.storage.database import StorageUnavailable
from gateway_service.storage.tables import JobRow, embed_of
from shared.http.errors import ApiError, InvalidRequest, TooLarge
from shared.http.request_id import request_id
from shared.http.tensors import Float32Array
from shared.settings import PUBLIC_WATERMARK_KEY
from shared.text.sentences import Piece

log = logging.getLogger("better")

_SKIPPED = SentenceSound(encode_flac(silence(0.2)), weights=SKIPPED)
"""Replaces a sentence that cannot be spoken."""
_BACKOFF = RetryPolicy(first_wait=1.0, max_wait=MAX_BACKOFF_SECONDS)
_RENEWALS_PER_LEASE = 10


class _Interrupted(Exception):
    """The job must be released: this process stops, or it is another job's turn."""


@dataclass
class JobRunner:
    """Runs jobs in the threads that call `run_next`.

    max_attempts: claims in a row without a finished sentence; then the job fails.
    slice_seconds: after this time a job yields to another that is due, so that a short text does
    not wait for a book.
    max_sentence_seconds: of sound; a longer sentence is skipped as one that cannot be spoken.
    watermark_key: of the mark in the sound; None for no mark.
    """

    leases: Leases
    chain: Chain
    max_attempts: int
    slice_seconds: float = 30.0
    max_sentence_seconds: float = 120.0
    watermark_key: str | None = PUBLIC_WATERMARK_KEY
    _stopping: threading.Event = field(default_factory=threading.Event)
    _running: set[JobRow] = field(default_factory=set)

    def run_next(self) -> bool:
        """Claim the next job, if there is one and space for its sound, and run it.

        Returns when the job is finished, released or lost, that is cancelled or claimed by another
        worker. False if there was no job.
        """
        return self._claim_and_run()

    def stop(self) -> None:
        """Make `run_next` return after the next chunk of a sentence. Does not wait for that."""
        self._stopping.set()

    def release_jobs(self) -> None:
        """Release the jobs still running, just before the process exits."""
        for job in list(self._running):
            self.leases.release(job)

    def _claim_and_run(self, *, is_nested: bool = False) -> bool:
        """is_nested: called between two blocks of another job's file."""
        if self._stopping.is_set() or not self.leases.storage.has_space():
            return False
        try:
            if job := self.leases.claim():
                self._run(job, is_nested)
                return True
        except StorageUnavailable:
            log.warning("a job waits until its lease expires: the database does not respond")
        except Exception:
            log.exception("a job waits until its lease expires")
        return False

    def _run(self, job: JobRow, is_nested: bool) -> None:
        self._running.add(job)
        request_id.set(job.id)  # for the logs of the gateway and the services
        try:
            if job.attempts > self.max_attempts:
                died = f"{self.max_attempts} workers in a row died or were killed while running it"
                self.leases.fail(job, "workers_died", died)
                return
            with self._renewing_lease(job) as lost:
                self._speak_and_encode(job, lost, is_nested)
        except _Interrupted:
            self.leases.release(job)
        finally:
            request_id.set(None)
            self._running.remove(job)

    def _speak_and_encode(self, job: JobRow, lost: threading.Event, is_nested: bool) -> None:
        try:
            if self._speak(job, lost):
                self._encode(job, lost, is_nested)
        except (_Interrupted, StorageUnavailable):
            raise
        except Exception as error:
            self._retry_or_fail(job, error)

    def _speak(self, job: JobRow, lost: threading.Event) -> bool:
        """Make the unfinished sentences. True if the job is then ready to be encoded."""
        skipped = job.skipped
        last_error: ApiError = InvalidRequest(
            "no sentence of the text can be spoken", code="nothing_to_speak"
        )
        slice_end = time.monotonic() + self.slice_seconds
        voices, earlier = decode_voices(job.voices), EarlierSentences(self.leases.storage, job)
        if earlier.are_left:
            with as_api_errors({}):
                self.chain.fetch_weights()
        for position, (piece, voice) in enumerate(self.leases.voiced_pieces(job), job.done):
            is_slice_over = position > job.done and time.monotonic() > slice_end
            if is_slice_over and self.leases.count_due():
                raise _Interrupted
            if self._must_stop(lost):
                raise _Interrupted
            embed = embed_of(job.embed) if voice is None else voices[voice]
            started, is_skipped = time.monotonic(), False
            try:
                made = earlier.find(position, self.chain.weights)
                if made is not None:
                    started = time.monotonic()  # what is taken over tells nothing of the time left
                made = made or self._sentence_sound(job, piece, embed, lost)
            except (InvalidRequest, TooLarge) as error:
                made, is_skipped, last_error = _SKIPPED, True, error
                skipped += 1
            seconds = time.monotonic() - started
            if not self.leases.save_sentence(job, position, made, is_skipped, seconds):
                return False
            job.attempts = 1
        if skipped < job.sentences:
            return True
        self.leases.fail(job, last_error.code, last_error.message)
        return False

    def _sentence_sound(
        self, job: JobRow, piece: Piece, embed: Float32Array, lost: threading.Event
    ) -> SentenceSound:
        sentences: list[Sentence] = []
        chunks = speaking.say(
            self.chain,
            piece,
            embed,
            _options(job),
            max_seconds=self.max_sentence_seconds,
            on_sentence=sentences.append,
        )
        spoken = []
        with closing(chunks):
            for chunk in chunks:
                spoken.append(chunk)
                if lost.is_set() or self._stopping.is_set():
                    raise _Interrupted
        words = sentences[0].words
        stored = None if words is None else orjson.dumps([[*word] for word in words]).decode()
        return SentenceSound(encode_flac(np.concatenate(spoken)), stored, self.chain.weights)

    def _must_stop(self, lost: threading.Event) -> bool:
        return lost.is_set() or self._stopping.is_set() or not self.leases.storage.has_space()

    def _encode(self, job: JobRow, lost: threading.Event, is_nested: bool) -> None:
        """Encode the job's file; an interrupted encoding starts over.

        An encoder's state cannot be stored, so other jobs run between two blocks instead.
        """
        sounds, digest = JobSounds(self.leases.storage), Digest()
        if not self.leases.delete_blocks(job):
            return
        slice_end = time.monotonic() + self.slice_seconds

        def yield_to_others() -> None:
            nonlocal slice_end
            if self._must_stop(lost):
                raise _Interrupted
            if not is_nested and time.monotonic() > slice_end:
                self._claim_and_run(is_nested=True)
                request_id.set(job.id)
                slice_end = time.monotonic() + self.slice_seconds

        with closing(self._file_parts(job, sounds, yield_to_others)) as file:
            for position, block in enumerate(split_into_blocks(file)):
                yield_to_others()
                if not self.leases.save_block(job, position, block):
                    return
                digest.add(block)
        is_book = read_contents(self.leases.storage, job.id).chapters
        if self.leases.complete(job, digest) and not is_book:
            sounds.delete_sentences(job)

    def _file_parts(
        self, job: JobRow, sounds: JobSounds, on_sentence: Callable[[], None]
    ) -> Generator[bytes]:
        contents = read_contents(self.leases.storage, job.id)
        if book_format := audiobook_format(job, contents):
            return audiobook_parts(
                self.leases.storage, job, contents, book_format, self.watermark_key, on_sentence
            )
        response_format = cast(ResponseFormat, job.response_format)
        return encode(
            sounds.sentences(job), response_format, sounds.length(job), self.watermark_key
        )

    def _retry_or_fail(self, job: JobRow, error: Exception) -> None:
        attempts = job.attempts
        if isinstance(error, ApiError):
            code, reason = error.code, error.message
        else:
            log.error("job %s", job.id, exc_info=error)
            code, reason = "internal_error", "internal error; the gateway's log has the details"
        if attempts >= self.max_attempts:
            self.leases.fail(job, code, f"tried {attempts} times; last error: {reason}")
        else:
            self.leases.release(job, _BACKOFF.wait_seconds(attempts), reason)

    @contextmanager
    def _renewing_lease(self, job: JobRow) -> Iterator[threading.Event]:
        """Renew the lease during the block. The event is set if the lease is lost."""
        lost, ended = threading.Event(), threading.Event()

        def renew() -> None:
            while not ended.wait(self.leases.seconds / _RENEWALS_PER_LEASE):
                try:
                    if not self.leases.renew(job):
                        lost.set()
                        return
                except StorageUnavailable:
                    continue

        threading.Thread(target=renew, name=f"lease of {job.id}", daemon=True).start()
        try:
            yield lost
        finally:
            ended.set()


def _options(job: JobRow) -> SpeechOptions:
    lexicon = orjson.loads(job.lexicon) if job.lexicon else None
    return SpeechOptions.model_construct(
        speed=job.speed,
        seed=job.seed,
        temperature=job.temperature,
        lexicon=lexicon,
        timestamps=bool(job.timestamps),
    )
