"""Code shared by the builders: numbers as the formats write them, and whole files."""

import struct
from collections.abc import Callable
from functools import cache

from tests.support import media_files

RATE = 16_000
MAX = 0xFFFF_FFFF
Builder = Callable[[int], bytes]
"""Takes the number that its file claims or multiplies by."""


def u16(value: int) -> bytes:
    return struct.pack(">H", value & 0xFFFF)


def u32(value: int) -> bytes:
    return struct.pack(">I", value & MAX)


def u64(value: int) -> bytes:
    return struct.pack(">Q", value)


@cache
def sound_file(kind: str) -> bytes:
    return media_files.sound_file(kind)


@cache
def media_file(container: str, codec: str) -> bytes:
    return media_files.media_file(container, codec)
