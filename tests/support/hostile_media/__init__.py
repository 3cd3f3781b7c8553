"""Small sound files that cost a reader much memory or time, or are deeply nested.

`BUILDERS` has a builder for each kind, `MAX_COUNTS` the count that makes its file costliest.
"""

import random

from tests.support.hostile_media import chunks, matroska, mp4, ogg, phones, tags
from tests.support.hostile_media.numbers import Builder, sound_file

MP4_TABLES = ("stsz", "stts", "stsc", "stco", "co64", "ctts", "stss", "elst", "sbgp", "stsd")


def plain(kind: str) -> Builder:
    return lambda _: sound_file(kind)


BUILDERS: dict[str, Builder] = {
    "mp4 samples": mp4.mp4_of_samples,
    "mp4 tracks": mp4.mp4_of_tracks,
    **{f"mp4 {name}": mp4.mp4_table(name) for name in MP4_TABLES},
    "mp4 boxes": mp4.mp4_of_boxes,
    "mp4 deflated": mp4.mp4_deflated,
    "mp4 picture": mp4.mp4_picture,
    "matroska cues": matroska.matroska_cues,
    "matroska sizes": matroska.matroska_sizes,
    "matroska deflated": matroska.matroska_deflated,
    "matroska nested": matroska.matroska_nested,
    "vorbis codebooks": ogg.vorbis_codebooks,
    "ogg comments": ogg.ogg_comments,
    "opus comments": ogg.opus_comments,
    "ogg packet": ogg.ogg_packet,
    "flac picture": tags.flac_picture,
    "flac comments": tags.flac_comments,
    "flac seek table": tags.flac_seek_table,
    **{
        f"id3v2.{version} {name.decode()}": tags.id3_deflated(name, version, plain("MP3"))
        for name in (b"PRIV", b"APIC", b"GEOB", b"TIT2")
        for version in (3, 4)
    },
    **{
        f"id3 {kind}": tags.id3_deflated(b"APIC", 4, plain(kind))
        for kind in ("WAV", "FLAC", "AIFF")
    },
    "id3 pictures": tags.id3_pictures,
    "id3 texts": tags.id3_texts,
    "id3 size": tags.id3_size,
    "id3 frames": tags.id3_frames,
    "wav chunks": chunks.wav_chunks,
    "wav strings": chunks.wav_strings,
    "wav chunks after": chunks.wav_chunks_after,
    "wav sizes": chunks.wav_sizes,
    "wav adpcm": chunks.wav_adpcm,
    "wav of mp3": chunks.wav_of_mp3,
    "aiff sizes": chunks.aiff_sizes,
    "aiff id3": chunks.aiff_id3,
    "caf packets": chunks.caf_packets,
    "aac id3": tags.aac_with_id3,
    **phones.BUILDERS,
}
MAX_COUNTS = dict.fromkeys(BUILDERS, 60_000_000) | {
    name: 120_000_000 for name in BUILDERS if name.startswith(("id3", "wav of mp3", "aiff id3"))
}


def hostile_file(choose: random.Random) -> bytes:
    """One of them with a random count, and sometimes a few changed bytes."""
    largest = choose.choice([2**8, 2**16, 2**20, 2**24, 2**32])
    data = bytearray(BUILDERS[choose.choice(sorted(BUILDERS))](choose.randrange(largest)))
    if data and choose.random() < 0.5:
        for _ in range(choose.randrange(4)):
            data[choose.randrange(min(len(data), choose.choice([64, 4_096, len(data)])))] = (
                choose.choice([0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)])
            )
    return bytes(data)
