"""Matroska: EBML elements."""

import struct
import zlib

from tests.support.hostile_media.numbers import RATE, u32


def ebml(name: str, body: bytes, size: int | None = None) -> bytes:
    """size: claimed in its head; its own if None."""
    length = len(body) if size is None else size
    return bytes.fromhex(name) + (length | 1 << 56).to_bytes(8, "big") + body


def matroska(*elements: bytes, encoding: bytes = b"") -> bytes:
    form = ebml("b5", struct.pack(">d", RATE)) + ebml("9f", b"\1") + ebml("6264", b"\x10")
    audio = ebml("e1", form)
    entry = ebml(
        "ae",
        ebml("d7", b"\1") + ebml("73c5", b"\1") + ebml("83", b"\2")
        + ebml("86", b"A_PCM/INT/LIT") + audio + encoding,
    )  # fmt: skip
    head = ebml("1a45dfa3", ebml("4282", b"matroska") + ebml("4287", b"\4") + ebml("4285", b"\2"))
    info = ebml("1549a966", ebml("2ad7b1", u32(1_000_000)))
    return head + ebml("18538067", info + ebml("1654ae6b", entry) + b"".join(elements))


def cluster(block: bytes, flags: int = 0) -> bytes:
    simple = ebml("a3", b"\x81" + bytes(2) + bytes([flags]) + block)
    return ebml("1f43b675", ebml("e7", b"\0") + simple)


def matroska_cues(count: int) -> bytes:
    point = ebml("bb", ebml("b3", b"\1") + ebml("b7", ebml("f7", b"\1") + ebml("f1", b"\1")))
    return matroska(ebml("1c53bb6b", point * min(count, 30_000)), cluster(bytes(200)))


def matroska_sizes(count: int) -> bytes:
    """Tags, cues, an attached file and a codec's data that claim to be so long."""
    return matroska(
        ebml("1254c367", ebml("7373", ebml("67c8", ebml("4487", b"a", count)))),
        ebml("1941a469", ebml("61a7", ebml("465c", b"a", count))),
        ebml("1c53bb6b", b"", count),
        cluster(bytes(200)),
        encoding=ebml("63a2", b"a", count),
    )


def matroska_deflated(count: int) -> bytes:
    """Frames in one block, each of which unpacks to 9 MB."""
    frame = zlib.compress(bytes(min(count, 9_000_000)), 9)
    frames = min(256, max(1, count // 1_000_000))
    encoding = ebml("6d80", ebml("6240", ebml("5034", ebml("4254", b"\0"))))
    return matroska(
        cluster(bytes([frames - 1]) + frame * frames, flags=0x04), encoding=encoding
    )  # 0x04: lacing, all of one size


def matroska_nested(count: int) -> bytes:
    nested = b""
    for _ in range(min(count, 2_000)):
        nested = ebml("7373", ebml("67c8", nested))
    return matroska(ebml("1254c367", nested), cluster(bytes(200)))
