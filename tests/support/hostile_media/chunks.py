"""RIFF, AIFF and CAF: chunks of a name, a size and content."""

import struct

from tests.support.hostile_media.numbers import MAX, RATE, sound_file, u16, u32, u64
from tests.support.hostile_media.tags import id3_deflated


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """Little-endian, as in RIFF."""
    return name + struct.pack("<I", (len(body) if size is None else size) & MAX) + body


def wav(*chunks: bytes, tag: int = 1, channels: int = 1, align: int = 2) -> bytes:
    form = struct.pack("<HHIIHH", tag, channels, RATE, RATE * align, align, 16)
    body = b"WAVE" + chunk(b"fmt ", form) + b"".join(chunks)
    return chunk(b"RIFF", body)


SOUND = chunk(b"data", bytes(3_200))


def wav_chunks(count: int) -> bytes:
    return wav(chunk(b"LIST", chunk(b"a   ", b"") * 4) * min(count, 100_000), SOUND)


def wav_strings(count: int) -> bytes:
    text = chunk(b"INAM", b"aa")
    return wav(chunk(b"LIST", b"INFO" + text * min(count, 400_000)), SOUND)


def wav_chunks_after(count: int) -> bytes:
    return wav(SOUND, chunk(b"a   ", b"") * min(count, 400_000))


def wav_sizes(count: int) -> bytes:
    cues = chunk(b"cue ", struct.pack("<I", count & MAX) + bytes(48))
    sampler = chunk(b"smpl", bytes(28) + struct.pack("<II", count & MAX, count & MAX))
    text = chunk(b"bext", bytes(40), size=count)
    return wav(cues, sampler, text, chunk(b"data", bytes(400), size=count))


def wav_adpcm(count: int) -> bytes:
    return wav(SOUND, tag=2, channels=count & 0xFF or 1, align=count & 0xFFFF)


def wav_of_mp3(count: int) -> bytes:
    """MP3 frames and ID3 tags within a WAV."""
    inner = id3_deflated(b"TIT2", 4, lambda _: sound_file("MP3"))(count)
    return wav(chunk(b"data", inner), tag=0x55)


def be_chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """Big-endian, as in AIFF."""
    return name + u32(len(body) if size is None else size) + body


def aiff_sizes(count: int) -> bytes:
    rate = struct.pack(">HQ", 16_396, 0xFA00 << 48)  # 16,000 as an 80-bit float
    common = be_chunk(b"COMM", u16(1) + u32(count) + u16(16) + rate)
    marks = be_chunk(b"MARK", u16(count) + bytes(40), size=count)
    sound = be_chunk(b"SSND", bytes(408), size=count)
    return be_chunk(b"FORM", b"AIFF" + common + marks + sound, size=count)


def aiff_id3(count: int) -> bytes:
    tag = id3_deflated(b"TIT2", 4, lambda _: b"")(count)
    whole = sound_file("AIFF") + be_chunk(b"ID3 ", tag + bytes(len(tag) % 2))
    return whole[:4] + u32(len(whole) - 8) + whole[8:]


def caf_packets(count: int) -> bytes:
    """A table of packets that claims so many."""

    def caf_chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
        return name + u64(len(body) if size is None else size) + body

    form = struct.pack(">d4sIIIII", RATE, b"alac", 0, 0, 4_096, 1, 0)
    table = struct.pack(">qqii", count, count, 0, 0) + bytes(40)
    return b"".join(
        [
            b"caff\0\1\0\0",
            caf_chunk(b"desc", form),
            caf_chunk(b"kuki", bytes(24), size=count),
            caf_chunk(b"pakt", table, size=count),
            caf_chunk(b"data", bytes(404)),
        ]
    )
