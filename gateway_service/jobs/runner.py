"""A worker's turn with one job: sentence by sentence, from where the last worker stopped."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import orjson

from client.chain import Chain, silence
from client.wav_stream import Int16Array
from gateway_service.jobs.leases import MAX_BACKOFF_SECONDS, Leases
from gateway_service.jobs.sound import Digest, JobSounds, in_blocks
from gateway_service.speech import speaking
from gateway_service.speech.sentence_sound import kept
from gateway_service.speech.stream import ResponseFormat, encode
from gateway_service.storage.database import StorageUnavailable
from gateway_service.storage.job_tables import JobRow
from gateway_service.storage.tables import embed_of
from shared.http.errors import ApiError, InvalidRequest, TooLarge
from shared.http.request_id import request_id
from shared.settings import PUBLIC_WATERMARK_KEY
from shared.text.sentences import Piece

log = logging.getLogger("better")

_SKIPPED = silence(0.2)  # in place of a sentence that cannot be said
_RENEWALS = 10  # of a lease before it would run out


class _Interrupted(Exception):
    """Our turn is over, or the job is no longer ours: a sentence that was begun is thrown away."""


@dataclass
class JobRunner:
    """Runs jobs, each by whichever thread calls `run_next`.

    most_attempts: begun in a row, at waits of up to 5 minutes, without one sentence made.
    max_sentence_seconds: of sound; a sentence of more is skipped as one that cannot be said.
    turn_seconds: after which a job makes room for another that waits, so that a line need not wait
    for a book.
    watermark_key: of the mark that the sound gets; None for no mark.
    """

    leases: Leases
    chain: Chain
    most_attempts: int
    turn_seconds: float = 30.0
    max_sentence_seconds: float = 120.0
    watermark_key: str | None = PUBLIC_WATERMARK_KEY
    _stopping: threading.Event = field(default_factory=threading.Event)
    _at_work: set[JobRow] = field(default_factory=set)

    def run_next(self) -> bool:
        """Takes the next job, if there is one and room for its sound, and returns when it is final,
        put back into the queue, or lost: cancelled, or taken by another worker.

        True if it had a job, so that there may be another.
        """
        return self._take_and_run()

    def _take_and_run(self, *, between_blocks: bool = False) -> bool:
        """between_blocks: of a file that this thread encodes meanwhile."""
        if self._stopping.is_set() or not self.leases.storage.has_space():
            return False
        try:
            if job := self.leases.take():
                self._run(job, between_blocks)
                return True
        except StorageUnavailable:
            log.warning("a job rests until its lease runs out: the database does not answer")
        except Exception:
            log.exception("a job rests until its lease runs out")
        return False

    def stop(self) -> None:
        """`run_next` returns soon: after the next piece of a sentence's sound."""
        self._stopping.set()

    def give_back(self) -> None:
        """For what did not return soon, before the process ends: others take over at once."""
        for job in list(self._at_work):
            self.leases.put_back(job)

    def _run(self, job: JobRow, between_blocks: bool) -> None:
        self._at_work.add(job)
        request_id.set(job.id)  # for the log, here and in the services
        try:
            if job.attempts > self.most_attempts:
                died = f"{self.most_attempts} workers died of it, or were killed, one by one"
                self.leases.fail(job, "workers_died", died)
                return
            with self._renewed(job) as lost:
                self._work(job, lost, between_blocks)
        except _Interrupted:
            self.leases.put_back(job)
        finally:
            request_id.set(None)
            self._at_work.remove(job)

    def _work(self, job: JobRow, lost: threading.Event, between_blocks: bool) -> None:
        try:
            if self._say(job, lost):
                self._encode(job, lost, between_blocks)
        except (_Interrupted, StorageUnavailable):
            raise
        except Exception as error:
            self._try_later(job, error)

    def _say(self, job: JobRow, lost: threading.Event) -> bool:
        """True if there is something to encode now: all is said, and not all of it skipped."""
        skipped, pieces = job.skipped, self.leases.pieces(job)
        refused: ApiError = InvalidRequest(
            "there is nothing that can be said", code="nothing_to_speak"
        )
        turn_ends = time.monotonic() + self.turn_seconds
        for position, piece in enumerate(pieces, job.done):
            is_over = position > job.done and time.monotonic() > turn_ends
            if is_over and self.leases.count_due():
                raise _Interrupted
            if not self.leases.storage.has_space():
                raise _Interrupted
            try:
                sound, is_said = self._sound(job, piece, lost), True
            except (InvalidRequest, TooLarge) as error:
                sound, is_said, refused = _SKIPPED, False, error
                skipped += 1
            if not self.leases.keep_sound(job, position, kept(sound), skipped=not is_said):
                return False
            job.attempts = 1
        if skipped < job.sentences:
            return True
        self.leases.fail(job, refused.code, refused.message)
        return False

    def _sound(self, job: JobRow, piece: Piece, lost: threading.Event) -> Int16Array:
        said = speaking.say(
            self.chain,
            piece,
            embed_of(job.embed),
            speed=job.speed,
            seed=job.seed,
            lexicon=orjson.loads(job.lexicon) if job.lexicon else None,
            max_seconds=self.max_sentence_seconds,
        )
        chunks = []
        try:
            for chunk in said:
                chunks.append(chunk)
                if lost.is_set() or self._stopping.is_set():
                    raise _Interrupted
        finally:
            said.close()
        return np.concatenate(chunks)

    def _encode(self, job: JobRow, lost: threading.Event, between_blocks: bool) -> None:
        """Makes the file that is downloaded, once; from its start if that broke off before.

        It cannot be put back halfway, so others have their turns in between.
        """
        sounds, digest = JobSounds(self.leases.storage), Digest()
        if not self.leases.drop_blocks(job):
            return
        response_format = cast(ResponseFormat, job.response_format)
        turn_ends = time.monotonic() + self.turn_seconds
        sentences, length = sounds.sentences(job), sounds.length(job)
        encoded = encode(sentences, response_format, length, self.watermark_key)
        with closing(encoded) as file:
            for position, block in enumerate(in_blocks(file)):
                if lost.is_set() or self._stopping.is_set():
                    raise _Interrupted
                if not self.leases.storage.has_space():
                    raise _Interrupted
                if not self.leases.keep_block(job, position, block):
                    return
                digest.add(block)
                if not between_blocks and time.monotonic() > turn_ends:
                    self._take_and_run(between_blocks=True)
                    request_id.set(job.id)
                    turn_ends = time.monotonic() + self.turn_seconds
        if self.leases.complete(job, digest):
            sounds.drop_sentences(job)

    def _try_later(self, job: JobRow, error: Exception) -> None:
        attempts = job.attempts
        if isinstance(error, ApiError):
            code, reason = error.code, error.message
        else:
            log.error("job %s", job.id, exc_info=error)
            code, reason = "internal_error", "something broke here; it is in our log"
        if attempts >= self.most_attempts:
            tried = f"tried {attempts} times, at last: {reason}"
            self.leases.fail(job, code, tried)
        else:
            wait = min(2.0 ** min(attempts - 1, 30), MAX_BACKOFF_SECONDS)
            # The jitter keeps jobs that failed together from coming back together.
            self.leases.put_back(job, wait * random.uniform(0.5, 1.0), reason)

    @contextmanager
    def _renewed(self, job: JobRow) -> Iterator[threading.Event]:
        """Keeps the lease while the block runs; the event is set once it is lost."""
        lost, ended = threading.Event(), threading.Event()

        def renew() -> None:
            while not ended.wait(self.leases.seconds / _RENEWALS):
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
