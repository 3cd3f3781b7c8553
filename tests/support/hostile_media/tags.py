"""Metadata before the sound: FLAC's blocks, and ID3 frames before a file of any kind."""

import zlib
from functools import cache

from tests.support.hostile_media.numbers import Builder, media_file, sound_file, u32
from tests.support.hostile_media.ogg import comments


def flac(kind: int, block: bytes, size: int | None = None) -> bytes:
    whole = sound_file("FLAC")
    length = len(block) if size is None else size
    head = bytes([kind]) + (length & 0xFFFFFF).to_bytes(3, "big")
    return whole[:42] + head + block + whole[42:]


def flac_picture(count: int) -> bytes:
    block = u32(3) + u32(10) + b"image/jpeg" + u32(count) + bytes(16) + u32(count) + bytes(50)
    return flac(6, block, size=count)


def flac_comments(count: int) -> bytes:
    return flac(4, comments(count, bytes(40)), size=min(count, 2**24 - 1))


def flac_seek_table(count: int) -> bytes:
    return flac(3, bytes(18) * min(count, 200_000))


def syncsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3(frame: bytes, version: int = 4, size: int | None = None) -> bytes:
    return b"ID3" + bytes([version, 0, 0]) + syncsafe(len(frame) if size is None else size) + frame


@cache
def deflated(head: bytes, megabytes: int) -> bytes:
    """zlib data that unpacks to `head` and this many megabytes more."""
    packer = zlib.compressobj(9)
    packed = packer.compress(head)
    for _ in range(megabytes):
        packed += packer.compress(b"a" * 1_000_000)
    return packed + packer.flush()


def id3_deflated(name: bytes, version: int, file: Builder) -> Builder:
    """A frame that unpacks to so many bytes."""

    def build(count: int) -> bytes:
        head = {b"APIC": b"\0image/png\0\3\0", b"GEOB": b"\0a\0b\0c\0"}.get(name, b"\0")
        unpacked = min(count // 1_000_000, 300) * 1_000_000
        packed = deflated(head, unpacked // 1_000_000)
        if version == 4:
            data = syncsafe(min(unpacked + len(head), 2**28 - 1)) + packed
            frame = name + syncsafe(len(data)) + b"\0\x09" + data
        else:
            data = u32(unpacked + len(head)) + packed
            frame = name + u32(len(data)) + b"\0\x80" + data
        return id3(frame, version) + file(count)

    return build


def id3_size(count: int) -> bytes:
    """A tag, and a frame in it, that claim more than there is."""
    frame = b"APIC" + syncsafe(count & 0xFFFFFFF) + bytes(2) + b"\0image/png\0\3\0" + bytes(50)
    return id3(frame, size=count & 0xFFFFFFF) + sound_file("MP3")


def id3_pictures(count: int) -> bytes:
    """One after the other, each small enough, and together a minute of work."""
    picture = b"\0image/png\0\3\0" + bytes(min(count, 20_000_000))
    data = syncsafe(len(picture)) + zlib.compress(picture, 9)
    frame = b"APIC" + syncsafe(len(data)) + b"\0\x09" + data
    tags = min(10, 1 + count // 2_000_000)
    return b"".join(id3(frame * 50) for _ in range(tags)) + sound_file("MP3")


def id3_texts(count: int) -> bytes:
    """Texts that unpack to 8 MB, one after the other."""
    text = bytes(1) + b"a" * min(count, 8_000_000)
    data = syncsafe(len(text)) + zlib.compress(text, 9)
    frame = b"TIT2" + syncsafe(len(data)) + b"\0\x09" + data
    return id3(frame * min(200, 1 + count // 100_000)) + sound_file("MP3")


def id3_frames(count: int) -> bytes:
    frame = b"COMM" + syncsafe(6) + bytes(2) + b"\0eng\0a"
    return id3(frame * min(count, 100_000)) + sound_file("MP3")


def aac_with_id3(count: int) -> bytes:
    return id3(b"", size=count & 0xFFFFFFF) + media_file("adts", "aac")
