"""The table of sound formats: names, media types, file suffixes, readers and writers."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FormatInfo:
    """label: for people. media_type: sent with it. other_media_types: accepted for it.

    libsndfile: its container and subtype, if the `better` command writes it.
    """

    label: str
    media_type: str
    suffixes: tuple[str, ...] = ()
    other_media_types: tuple[str, ...] = ()
    libsndfile: tuple[str, str] | None = None


FORMATS = {
    "wav": FormatInfo(
        "WAV", "audio/wav", (".wav",), ("audio/wave", "audio/x-wav"), ("WAV", "PCM_16")
    ),
    "flac": FormatInfo("FLAC", "audio/flac", (".flac",), ("audio/x-flac",), ("FLAC", "PCM_16")),
    "ogg": FormatInfo("OGG (Vorbis or Opus)", "audio/ogg", (".ogg",), libsndfile=("OGG", "VORBIS")),
    "opus": FormatInfo("Opus in OGG", "audio/ogg", (".opus",), libsndfile=("OGG", "OPUS")),
    "mp3": FormatInfo("MP3", "audio/mpeg", (".mp3",), ("audio/mp3",), ("MP3", "MPEG_LAYER_III")),
    "aiff": FormatInfo("AIFF", "audio/aiff", (".aiff", ".aif")),
    "aac": FormatInfo("AAC", "audio/aac", (".aac",)),
    "mp4": FormatInfo("MP4", "audio/mp4", (".m4a", ".mp4")),
    "webm": FormatInfo("WebM", "audio/webm", (".webm",)),
    "amr": FormatInfo("AMR", "audio/amr", (".amr",)),
    "wma": FormatInfo("WMA", "audio/x-ms-wma", (".wma",)),
    "pcm": FormatInfo("16-bit little-endian samples without a header", "audio/pcm"),
}

READ_BY_SERVICES = ("wav", "flac", "mp3", "ogg", "aiff")
"""Read through libsndfile."""
READ_BY_GATEWAY = (*READ_BY_SERVICES, "aac", "mp4", "webm", "amr", "wma")
"""Read through FFmpeg's libraries."""

MEDIA_TYPE_BY_SUFFIX = {
    suffix: info.media_type for info in FORMATS.values() for suffix in info.suffixes
}


def labels(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(FORMATS[name].label for name in names)


def listed(names: Sequence[str]) -> str:
    """In a sentence: a, b and c."""
    return f"{', '.join(names[:-1])} and {names[-1]}"
