"""Resumable download of one file.

    FetchError   the download failed; the message has the reason and the remedy

Received bytes are kept in a .part file, so that the next try or the next run continues. They are
deleted if they prove to be wrong.
"""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path

import httpx

from client.retries import RetryPolicy, parse_retry_after
from shared.operating_system import lock_file

TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds without data
TRIES_WITHOUT_PROGRESS = 5
MAX_TRIES = 100
FIRST_PAUSE_SECONDS = 1.0  # doubled after each failure
MAX_PAUSE_SECONDS = 60.0
MAX_FILE_BYTES = 2**32  # if the server does not announce a size
TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}

Progress = Callable[[int, int | None], None]
"""Called with the bytes received and, if known, the bytes in total."""
Say = Callable[[str], None]


class FetchError(Exception):
    """A failed download. The message has the URL, the reason and the remedy."""


class _Interrupted(Exception):
    """A failure worth a retry, after `pause` seconds if the server names a time."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(frozen=True)
class RemoteFile:
    """A file to download, with its size and hash if they are known."""

    url: str
    size: int | None = None  # bytes
    sha256: str | None = None


def download(remote: RemoteFile, file: BufferedRandom, progress: Progress, say: Say) -> str:
    """Fill the file, with retries. Returns its SHA-256.

    file: from `opened`. Raises FetchError, OSError.
    """
    failures = 0
    retries = RetryPolicy(
        attempts=TRIES_WITHOUT_PROGRESS,
        first_wait=FIRST_PAUSE_SECONDS,
        max_wait=MAX_PAUSE_SECONDS,
        max_retry_after=MAX_PAUSE_SECONDS,
    )
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        for _ in range(MAX_TRIES):
            before = _size(file)
            try:
                offer = _receive(client, remote, file, progress)
                return _checked_digest(file, remote.url, remote.sha256 or offer.sha256)
            except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
                raise FetchError(f"{remote.url}: {error}; check --url") from None
            except (httpx.TransportError, _Interrupted) as error:
                reason = str(error) or type(error).__name__
                asked_pause = error.pause if isinstance(error, _Interrupted) else None
            failures = 1 if _size(file) > before else failures + 1
            if failures == retries.attempts:
                break
            pause = retries.wait_seconds(failures, asked_pause or None)
            say(f"{reason}; trying again in {pause:.2g} s")
            time.sleep(pause)
    kept = f"{_size(file)} bytes are kept; run the command again to continue"
    raise FetchError(f"{remote.url}: {reason}. {kept}")


def _receive(
    client: httpx.Client, remote: RemoteFile, file: BufferedRandom, progress: Progress
) -> RemoteFile:
    """Request the missing bytes. Returns the file's size and hash according to the server."""
    done = _size(file)
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with client.stream("GET", remote.url, headers=headers) as response:
        offer = _offer(response)
        if response.status_code == 416 and done == offer.size:
            return offer
        if response.status_code == 416 or not _continues(response, done):
            file.truncate(0)
            raise _Interrupted("the bytes received so far do not match the server's file")
        _check_status(response, remote.url)
        _check_offer(remote, offer)
        if response.status_code == 200:
            file.truncate(0)
            done = 0
        _check_space(Path(file.name).parent, offer.size, done)
        for chunk in response.iter_raw():
            done += file.write(chunk)
            if done > (offer.size or MAX_FILE_BYTES):
                file.truncate(0)
                raise FetchError(
                    f"{remote.url}: the server sent more than the {offer.size} bytes it announced"
                )
            progress(done, offer.size)
    if offer.size is not None and done < offer.size:
        raise _Interrupted(f"the connection closed after {done} of {offer.size} bytes")
    return offer


def _offer(response: httpx.Response) -> RemoteFile:
    """Size and SHA-256 according to the server.

    Hugging Face redirects /resolve/ to a content network. The redirect, not the final response,
    has the file's size and SHA-256 (X-Linked-Size, X-Linked-Etag).
    """
    size = sha256 = None
    for answer in [response, *response.history]:
        if answer.headers.get("X-Linked-Size", "").isdecimal():
            size = int(answer.headers["X-Linked-Size"])
        etag = answer.headers.get("X-Linked-Etag", "").removeprefix("W/").strip('"')
        if re.fullmatch("[0-9a-f]{64}", etag):
            sha256 = etag
    if size is None:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if response.status_code == 200:
            total = response.headers.get("Content-Length", "")
        size = int(total) if total.isdecimal() else None
    return RemoteFile(str(response.url), size, sha256)


def _continues(response: httpx.Response, done: int) -> bool:
    """True if a partial response starts at the end of the file; others are whole responses."""
    content_range = response.headers.get("Content-Range", "")
    return response.status_code != 206 or content_range.startswith(f"bytes {done}-")


def _check_status(response: httpx.Response, url: str) -> None:
    if response.status_code in (200, 206):
        return
    said = f"HTTP {response.status_code} {response.reason_phrase}".strip()
    if response.status_code in TRANSIENT_STATUS:
        raise _Interrupted(said, parse_retry_after(response.headers.get("Retry-After")))
    raise FetchError(f"{url}: {said}; check --url")


def _check_offer(remote: RemoteFile, offer: RemoteFile) -> None:
    """Reject a file of another size or hash before the download."""
    if None not in (remote.size, offer.size) and remote.size != offer.size:
        raise FetchError(f"{remote.url}: is {offer.size} bytes, expected {remote.size}")
    if None not in (remote.sha256, offer.sha256) and remote.sha256 != offer.sha256:
        raise _wrong_hash(remote.url, str(offer.sha256), str(remote.sha256))


def _checked_digest(file: BufferedRandom, url: str, expected: str | None) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is not None and digest != expected:
        file.truncate(0)
        raise _wrong_hash(url, digest, expected)
    return digest


def _wrong_hash(url: str, digest: str, expected: str) -> FetchError:
    return FetchError(
        f"{url}: SHA-256 is {digest}, expected {expected}. The file was deleted; run the command "
        "again, or pass --sha256 for another file that you trust"
    )


def _check_space(directory: Path, size: int | None, done: int) -> None:
    """Require space for the rest of the file and for its parameters, at most the same size."""
    needed = 2 * (size or 0) - done
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise FetchError(
            f"{directory}: {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB needed; free some "
            "space, or choose another folder with --dir"
        )


@contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Turn OSError into FetchError, with a remedy for a full disk."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "; free some space and run the command again to continue" if full else ""
        raise FetchError(f"{error.filename or directory}: {error.strerror}{remedy}") from None


@contextmanager
def opened(part: Path) -> Iterator[BufferedRandom]:
    """The .part file, locked for this process, and removed if it stays empty."""
    with part.open("a+b") as file:
        try:
            lock_file(file, wait=False)
        except BlockingIOError:
            raise FetchError(f"{part}: another fetch writes to it; wait for it") from None
        try:
            yield file
        finally:
            if _size(file) == 0:
                part.unlink(missing_ok=True)


def _size(file: BufferedRandom) -> int:
    return file.seek(0, os.SEEK_END)
