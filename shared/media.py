"""Sound out of media files of any usual kind, through FFmpeg's libraries in PyAV's wheel.

The services read what libsndfile reads (shared/audio.py), which takes less memory.
"""

import io

import av
import numpy as np
from av.error import FFmpegError

from shared import audio
from shared.audio import MAX_ABS, MAX_CHANNELS, check_rate
from shared.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.tensors import Float32Array

READ_FORMATS = (*audio.READ_FORMATS, "AAC", "MP4", "WebM")
READ_HERE = f"{audio.listed(READ_FORMATS)} files are read here"

# No playlist, nothing that leads FFmpeg to another file or address.
_CONTAINERS = "wav,w64,aiff,flac,mp3,ogg,aac,mov,matroska,caf"
_CODECS = (
    "flac,mp3,mp3float,mp2,mp2float,aac,alac,vorbis,libvorbis,opus,libopus,"
    "pcm_s8,pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw"
)
_OPTIONS = {
    "format_whitelist": _CONTAINERS,
    "codec_whitelist": _CODECS,
    "protocol_whitelist": "",
}


def read_media(data: bytes, rate: int, max_seconds: float) -> Float32Array:
    """[n] float32 in ±1, or a little over, mono, at `rate` Hz: the first sound track of a file.

    Decoding stops as soon as it has passed `max_seconds`. Raises UnsupportedMediaType, TooLarge or
    InvalidRequest.
    """
    try:
        chunks = _decode(data, rate, max_seconds)
    except (FFmpegError, ValueError) as error:
        raise UnsupportedMediaType(
            f"the file cannot be decoded ({type(error).__name__}); {READ_HERE}", param="file"
        ) from None
    if not chunks:
        raise UnsupportedMediaType("the file holds no sound", param="file")
    wav = np.concatenate(chunks)
    if wav.size and not np.abs(wav).max() <= MAX_ABS:  # NaN fails it too
        raise InvalidRequest(
            f"the file holds values beyond ±{MAX_ABS:g} or not finite; scale them to ±1",
            param="file",
        )
    return wav


def _check(frame: av.AudioFrame) -> None:
    """Before it is resampled: at a rate of 1 Hz, a second would become a day."""
    check_rate(frame.sample_rate, "the file's rate")
    if frame.layout.nb_channels > MAX_CHANNELS:
        raise InvalidRequest(
            f"the file has {frame.layout.nb_channels} channels, at most {MAX_CHANNELS} are read",
            param="file",
        )


def _decode(data: bytes, rate: int, max_seconds: float) -> list[Float32Array]:
    chunks: list[Float32Array] = []
    left = max_seconds * rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(io.BytesIO(data), "r", options=_OPTIONS) as container:
        for frame in container.decode(audio=0) if container.streams.audio else ():
            _check(frame)
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
