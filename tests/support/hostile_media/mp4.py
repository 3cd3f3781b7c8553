"""MP4: boxes of a size, a name and content."""

import zlib

from tests.support.hostile_media.numbers import RATE, Builder, u16, u32


def box(name: bytes, *contents: bytes) -> bytes:
    body = b"".join(contents)
    return u32(8 + len(body)) + name + body


def full_box(name: bytes, *contents: bytes) -> bytes:
    """With a version and flags, both 0."""
    return box(name, bytes(4), *contents)


def track(**tables: bytes) -> bytes:
    """A track of AAC; `tables` stand in the place of its own."""
    entry = box(
        b"mp4a",
        *(bytes(6), u16(1), bytes(8)),
        *(u16(1), u16(16), bytes(4), u32(RATE << 16)),
    )
    index = {
        "stsd": u32(1) + entry,
        "stts": u32(1) + u32(100) + u32(1_024),
        "stsc": u32(1) + u32(1) + u32(100) + u32(1),
        "stsz": u32(2) + u32(100),
        "stco": u32(1) + u32(40),
    } | tables
    media = box(
        b"mdia",
        full_box(b"mdhd", bytes(8), u32(RATE), u32(100), bytes(4)),
        full_box(b"hdlr", bytes(4), b"soun", bytes(13)),
        box(
            b"minf",
            full_box(b"smhd", bytes(4)),
            box(b"stbl", *(full_box(name.encode(), table) for name, table in index.items())),
        ),
    )
    return box(b"trak", full_box(b"tkhd", bytes(8), u32(1), bytes(68)), media)


def mp4(*in_moov: bytes) -> bytes:
    header = full_box(b"mvhd", bytes(8), u32(RATE), u32(100), bytes(80))
    return b"".join(
        [
            box(b"ftyp", b"M4A ", bytes(4), b"M4A mp42"),
            box(b"mdat", bytes(200)),
            box(b"moov", header, *in_moov),
        ]
    )


def mp4_of_samples(count: int) -> bytes:
    """An index of so many samples of a byte, in one line of each table."""
    one_run = u32(1) + u32(count) + u32(1_024)
    one_chunk = u32(1) + u32(1) + u32(count) + u32(1)
    return mp4(track(stsz=u32(2) + u32(count), stts=one_run, stsc=one_chunk))


def mp4_of_tracks(count: int) -> bytes:
    """Up to 900 of them, each with an index that is harmless alone."""
    few = min(count, 1_000_000)
    one_run = u32(1) + u32(few) + u32(1_024)
    one_chunk = u32(1) + u32(1) + u32(few) + u32(1)
    one = track(stsz=u32(2) + u32(few), stts=one_run, stsc=one_chunk)
    return mp4(*[one] * min(900, count))


def mp4_table(name: str) -> Builder:
    """A table whose head claims more entries than follow."""

    def build(count: int) -> bytes:
        head = u32(0) if name == "stsz" else b""
        return mp4(track(**{name: head + u32(count) + u32(1) * 60}))

    return build


def mp4_of_boxes(count: int) -> bytes:
    """One within the other."""
    nested = b""
    for _ in range(min(count, 20_000)):
        nested = u32(8 + len(nested)) + b"udta" + nested if len(nested) < 2**20 else nested
    return mp4(nested, track())


def mp4_deflated(count: int) -> bytes:
    """A compressed moov that unpacks to so many bytes."""
    unpacked = min(count, 200_000_000)
    moov = box(b"moov", bytes(unpacked))
    packed = box(
        b"cmov",
        box(b"dcom", b"zlib"),
        box(b"cmvd", u32(len(moov)), zlib.compress(moov, 9)),
    )
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"moov", packed)


def mp4_picture(count: int) -> bytes:
    picture = u32(count) + b"data" + u32(13) + bytes(40)
    items = box(b"ilst", box(b"covr", picture))
    return mp4(track(), box(b"udta", full_box(b"meta", full_box(b"hdlr", bytes(20)), items)))
