"""The keys that callers send. Kept and compared as SHA-256 digests, in constant time."""

import hashlib
import hmac
from pathlib import Path
from typing import Self


class ApiKeys:
    """None at all is false."""

    def __init__(self, keys: list[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    @classmethod
    def read(cls, listed: str, file: Path | None) -> Self:
        """listed: separated by commas. file: one a line; what follows a # is a comment.

        Raises ValueError where keys were meant and there are none.
        """
        keys = _stripped(listed.split(","))
        if listed and not keys:
            raise ValueError("API_KEYS has no key in it; separate keys with commas")
        if file is not None:
            keys += _read_file(file)
        return cls(keys)

    def __len__(self) -> int:
        return len(self._digests)

    def holder(self, key: bytes) -> str | None:
        """A name for who sends this key, which does not give it away; None if it is not one of
        ours."""
        given = _digest(key)
        matches = [hmac.compare_digest(given, digest) for digest in self._digests]  # all of them
        return given.hex()[:16] if any(matches) else None


def _read_file(file: Path) -> list[str]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"API_KEYS_FILE {file} cannot be read: {error}") from None
    keys = _stripped([line.partition("#")[0] for line in lines])
    if not keys:
        raise ValueError(f"API_KEYS_FILE {file} has no key in it; write one a line")
    return keys


def _stripped(keys: list[str]) -> list[str]:
    return [stripped for key in keys if (stripped := key.strip())]


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
