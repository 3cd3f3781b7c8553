"""API keys, kept and compared as SHA-256 digests in constant time."""

import hashlib
import hmac
from pathlib import Path
from typing import Self


class ApiKeys:
    """The accepted keys. False in a boolean context if there are none."""

    def __init__(self, keys: list[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    @classmethod
    def read(cls, listed: str, file: Path | None) -> Self:
        """Read the keys of both settings.

        listed: API_KEYS, separated by commas.
        file: API_KEYS_FILE, one key a line; # starts a comment.

        Raises ValueError for a setting that contains no key.
        """
        keys = _stripped(listed.split(","))
        if listed and not keys:
            raise ValueError("API_KEYS contains no key; separate keys with commas")
        if file is not None:
            keys += _read_file(file)
        return cls(keys)

    def __len__(self) -> int:
        return len(self._digests)

    def fingerprint(self, key: bytes) -> str | None:
        """An ID of an accepted key that does not reveal it; None for any other key."""
        digest = _digest(key)
        # All of them, so that the time does not depend on the key.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return digest.hex()[:16] if any(matches) else None


def _read_file(file: Path) -> list[str]:
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"API_KEYS_FILE {file} cannot be read: {error}") from None
    keys = _stripped([line.partition("#")[0] for line in lines])
    if not keys:
        raise ValueError(f"API_KEYS_FILE {file} contains no key; write one key a line")
    return keys


def _stripped(keys: list[str]) -> list[str]:
    return [stripped for key in keys if (stripped := key.strip())]


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
