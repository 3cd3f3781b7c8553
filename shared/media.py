"""Sound out of media files of any usual kind, through FFmpeg's libraries in PyAV's wheel.

The services read what libsndfile reads (shared/audio.py), which takes less memory.
"""

import io

import av
import numpy as np
from av.error import FFmpegError

from shared.errors import TooLarge, UnsupportedMediaType
from shared.tensors import Float32Array

# No playlist, nothing that leads FFmpeg to another file or address.
_CONTAINERS = "wav,w64,aiff,flac,mp3,ogg,aac,mov,matroska,caf"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": ""}


def read_media(data: bytes, rate: int, max_seconds: float) -> Float32Array:
    """[n] float32 in ±1, mono, at `rate` Hz: the first sound track of a file.

    Decoding stops as soon as it has passed `max_seconds`. Raises UnsupportedMediaType or TooLarge.
    """
    try:
        chunks = _decode(data, rate, max_seconds)
    except (FFmpegError, ValueError) as error:
        raise UnsupportedMediaType(
            f"the file cannot be decoded ({type(error).__name__}); WAV, FLAC, MP3, OGG, AAC, MP4 "
            "and WebM files are read here",
            param="file",
        ) from None
    if not chunks:
        raise UnsupportedMediaType("the file holds no sound", param="file")
    return np.concatenate(chunks)


def _decode(data: bytes, rate: int, max_seconds: float) -> list[Float32Array]:
    chunks: list[Float32Array] = []
    left = max_seconds * rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(io.BytesIO(data), "r", options=_OPTIONS) as container:
        for frame in container.decode(audio=0) if container.streams.audio else ():
            for resampled in resampler.resample(frame):
                chunks.append(resampled.to_ndarray()[0])
                left -= len(chunks[-1])
            if left < 0:
                raise TooLarge(
                    f"the file is over {max_seconds:g} s long; send less of it",
                    param="file",
                    code="clip_too_long",
                )
        chunks += [last.to_ndarray()[0] for last in (resampler.resample(None) if chunks else [])]
    return chunks
