"""Formats of older phones and recorders: AMR, and WMA in ASF."""

import struct

from tests.support.hostile_media.numbers import MAX, Builder, media_file

_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")
_TEXTS = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
_INDEX = bytes.fromhex("90080033b1e5cf1189f400a0c90349cb")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_NO_DATA_FRAME = b"\x7c"  # 20 ms in one byte


def amr_empty_frames(count: int) -> bytes:
    return b"#!AMR\n" + _NO_DATA_FRAME * min(count, 4_000_000)


def amr_wideband_sizes(count: int) -> bytes:
    """Frames of every kind, reserved ones too, with hardly any data."""
    return b"#!AMR-WB\n" + bytes((kind << 3 | 4) & 0xFF for kind in range(16)) * min(count, 100_000)


def asf_object(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<Q", len(body) + 24 if size is None else size) + body


def asf(*in_header: bytes) -> bytes:
    """A tone in WMA with further objects in its header."""
    whole = media_file("asf", "wmav2")
    (size, objects) = struct.unpack("<QI", whole[16:28])
    more = b"".join(in_header)
    head = struct.pack("<QI", size + len(more), objects + len(in_header))
    return whole[:16] + head + whole[28:size] + more + whole[size:]


def asf_size_of(name: bytes) -> Builder:
    """An object that claims to be so long."""

    def build(count: int) -> bytes:
        whole = asf()
        at = whole.find(name) + 16
        return whole[:at] + struct.pack("<Q", count) + whole[at + 8 :] if at >= 16 else whole

    return build


def asf_packet_size(count: int) -> bytes:
    """The length of a packet stands twice, near the end of the file's properties."""
    whole = asf()
    at = whole.find(_FILE_PROPERTIES) + 92
    return whole[:at] + struct.pack("<II", count & MAX, count & MAX) + whole[at + 8 :]


def asf_texts(count: int) -> bytes:
    """Many empty names, with values that claim to be long."""
    text = struct.pack("<H4sHH", 4, b"a\0\0\0", 1, count & 0xFFFF)
    entries = min(count, 60_000)
    return asf(asf_object(_TEXTS, struct.pack("<H", entries) + text * entries))


def asf_index(count: int) -> bytes:
    body = bytes(16) + struct.pack("<QII", 10_000_000, 1, count & MAX) + bytes(600)
    return asf() + asf_object(_INDEX, body)


BUILDERS: dict[str, Builder] = {
    "amr empty frames": amr_empty_frames,
    "amr wideband": amr_wideband_sizes,
    "asf header size": asf_size_of(_HEADER),
    "asf properties size": asf_size_of(_FILE_PROPERTIES),
    "asf stream size": asf_size_of(_STREAM_PROPERTIES),
    "asf data size": asf_size_of(_DATA),
    "asf packet size": asf_packet_size,
    "asf texts": asf_texts,
    "asf index": asf_index,
}
