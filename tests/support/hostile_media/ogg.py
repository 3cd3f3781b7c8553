"""Ogg: pages with a checksum."""

import struct

from tests.support.hostile_media.numbers import MAX, RATE, u32


def _crc(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc = (crc << 8 & MAX) ^ _CRC_TABLE[crc >> 24 ^ byte]
    return crc


def _crc_entry(value: int) -> int:
    crc = value << 24
    for _ in range(8):
        crc = (crc << 1 & MAX) ^ (0x04C11DB7 if crc & 0x8000_0000 else 0)
    return crc


_CRC_TABLE = [_crc_entry(value) for value in range(256)]


def ogg(*packets: bytes) -> bytes:
    """Each packet begins a page, and goes on over as many as it needs."""
    pages, number = [], 0
    for place, packet in enumerate(packets):
        laces = [255] * (len(packet) // 255) + [len(packet) % 255]
        for start in range(0, len(laces), 255):
            part = laces[start : start + 255]
            flags = (1 if start else 0) | (2 if place == 0 else 0)
            last = start + 255 >= len(laces)
            position = 0 if last else 2**64 - 1
            head = struct.pack("<4sBBQIIIB", b"OggS", 0, flags, position, 1, number, 0, len(part))
            begin = start * 255
            page = head + bytes(part) + packet[begin : begin + sum(part)]
            pages.append(page[:22] + struct.pack("<I", _crc(page)) + page[26:])
            number += 1
    return b"".join(pages)


def _vorbis_head() -> bytes:
    return b"\1vorbis" + struct.pack("<IBIiiiBB", 0, 1, RATE, 0, 64_000, 0, 0x88, 1)


def comments(count: int, body: bytes = b"") -> bytes:
    return struct.pack("<I", 0) + struct.pack("<I", count & MAX) + body


class Bits:
    """Least significant first, as Vorbis packs them."""

    def __init__(self) -> None:
        self._value = self._length = 0

    def add(self, value: int, bits: int) -> None:
        self._value |= value << self._length
        self._length += bits

    def packed(self) -> bytes:
        return self._value.to_bytes(self._length // 8 + 1, "little")


def vorbis_codebooks(count: int) -> bytes:
    """A few bytes each describe a book of 2^18 entries with vectors of 16."""
    bits, length, dimensions = Bits(), 18, 16
    books = min(256, max(1, count))
    bits.add(books - 1, 8)
    for _ in range(books):
        bits.add(0x564342, 24)
        bits.add(dimensions, 16)
        bits.add(1 << length, 24)
        bits.add(1, 1)  # ordered
        bits.add(length - 1, 5)
        bits.add(1 << length, length + 1)
        bits.add(1, 4)  # a lattice
        bits.add(0, 32)
        bits.add(0x60A0_0000, 32)
        bits.add(0, 4)  # one bit a value
        bits.add(0, 1)
        bits.add(0b10, 2)  # 2^16 is the most below 2^18
    bits.add(0, 6)  # one time transform
    bits.add(0, 16)
    bits.add(0, 6)  # one floor, of kind 1
    bits.add(1, 16)
    bits.add(0, 5)
    bits.add(0, 2)
    bits.add(8, 4)
    bits.add(0, 6)  # one residue
    bits.add(0, 16)
    bits.add(0, 24)
    bits.add(128, 24)
    bits.add(0, 24)
    bits.add(0, 6)
    bits.add(0, 8)
    bits.add(0, 4)
    bits.add(0, 6)  # one mapping
    bits.add(0, 16)
    bits.add(0, 2)
    bits.add(0, 2)
    bits.add(0, 8 + 8 + 8)
    bits.add(0, 6)  # one mode
    bits.add(0, 1 + 16 + 16 + 8)
    bits.add(1, 1)
    setup = b"\5vorbis" + bits.packed()
    return ogg(_vorbis_head(), b"\3vorbis" + comments(0) + b"\1", setup, bytes(20), bytes(20))


def ogg_comments(count: int) -> bytes:
    return ogg(_vorbis_head(), b"\3vorbis" + comments(count, u32(count) * 30) + b"\1", bytes(20))


def opus_comments(count: int) -> bytes:
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, RATE, 0, 0)
    return ogg(head, b"OpusTags" + comments(count, u32(count) * 30), bytes(20))


def ogg_packet(count: int) -> bytes:
    """A comment over thousands of pages."""
    size = min(count, 2_000_000)
    text = b"A=" + b"a" * size
    return ogg(_vorbis_head(), b"\3vorbis" + comments(1, struct.pack("<I", len(text)) + text))
