"""Sound files whose header does not give their length, or that end too early.

A recorder that loses power leaves sizes of 0 in its header; a program that writes into a pipe
cannot go back to fill them in; an upload that breaks off ends within its sound.
"""

import struct

_UNKNOWN_SIZE = 0x7FFF_0000
"""From here on a WAV's size stands for "unknown": FFmpeg writes 0xFFFFFFFF, SoX 0x7FFFF000."""
_FLAC_LENGTH = (1 << 36) - 1  # the low bits of bytes 18 to 26 of STREAMINFO count the samples
_LAST_OGG_PAGE = 0x04  # flag

NO_LENGTH = (
    "the file's header does not give its length, so it was read to its end; if the recording broke "
    "off, record it again"
)
CUT_OFF = "the file is cut off; what is there was read; send the whole file for a better likeness"


def repaired(data: bytes) -> tuple[bytes, str | None]:
    """The file with sizes that libsndfile can follow, and a warning if they were wrong."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _repaired_wav(data)
    return data, _warning(data)


def _repaired_wav(data: bytes) -> tuple[bytes, str | None]:
    start = _data_chunk(data)
    if start is None:
        return data, None
    promised = int.from_bytes(data[start + 4 : start + 8], "little")
    sound = start + 8
    there = len(data) - sound
    if not there or (promised <= there and (promised or _is_chunk(data, sound))):
        return data, None
    head = data[:4] + struct.pack("<I", len(data) - 8) + data[8 : start + 4]
    warning = NO_LENGTH if not promised or promised >= _UNKNOWN_SIZE else CUT_OFF
    return head + struct.pack("<I", there) + data[sound:], warning


def _data_chunk(data: bytes) -> int | None:
    start = 12
    while len(data) >= start + 8:
        if data[start : start + 4] == b"data":
            return start
        size = int.from_bytes(data[start + 4 : start + 8], "little")
        start += 8 + size + size % 2
    return None


def _is_chunk(data: bytes, start: int) -> bool:
    """True if a whole, named chunk is here, as after a file without samples."""
    name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
    return (
        len(name) == 4
        and name.isascii()
        and name.decode().isprintable()
        and (start + 8 + size <= len(data))
    )


def _warning(data: bytes) -> str | None:
    if data[:4] == b"fLaC" and len(data) >= 26:
        length = int.from_bytes(data[18:26], "big") & _FLAC_LENGTH
        return None if length else NO_LENGTH
    if data[:4] == b"FORM":
        return CUT_OFF if int.from_bytes(data[4:8], "big") + 8 > len(data) else None
    if data[:4] == b"OggS":
        last = data.rfind(b"OggS")
        return None if data[last + 5 : last + 6] and data[last + 5] & _LAST_OGG_PAGE else CUT_OFF
    return None
