"""Sound out of media files of any usual kind, through FFmpeg's libraries in PyAV's wheel.

The services read what libsndfile reads (shared/audio/files.py), which takes less memory.
"""

import io
from collections.abc import Generator, Iterator
from contextlib import closing

import av
import numpy as np
from av.error import FFmpegError

from shared.audio import files as audio
from shared.audio.decoding import Block, decode
from shared.audio.files import MAX_CHANNELS, check_rate, check_values
from shared.http.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.tensors import Float32Array

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
    return np.concatenate([*stream_media(data, rate, max_seconds)])


def stream_media(data: bytes, rate: int, max_seconds: float) -> Generator[Float32Array]:
    """The sound that `read_media` returns, block by block. Closing the iterator stops decoding."""
    with closing(decode("ffmpeg", data, max_seconds, rate)) as blocks:
        for _, wav in blocks:
            yield wav


def decode_media(data: bytes, rate: int, max_seconds: float) -> Iterator[Block]:
    """The blocks of a media file, at `rate` Hz, decoded by FFmpeg in this process.

    Raises as `read_media`, and MemoryError.
    """
    is_silent = True
    left = max_seconds * rate
    try:
        for wav in _resampled(data, rate):
            is_silent = False
            check_values(wav, "the file")
            left -= len(wav)
            if left < 0:
                raise TooLarge(
                    f"the file is over {max_seconds:g} s long; send less of it",
                    param="file",
                    code="clip_too_long",
                )
            yield rate, wav
    except MemoryError:  # FFmpeg's own is an FFmpegError as well
        raise
    except (FFmpegError, ValueError) as error:
        raise UnsupportedMediaType(
            f"the file cannot be decoded ({type(error).__name__}); {READ_HERE}", param="file"
        ) from None
    if is_silent:
        raise UnsupportedMediaType("the file holds no sound", param="file")


def _resampled(data: bytes, rate: int) -> Iterator[Float32Array]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    with av.open(io.BytesIO(data), "r", options=_OPTIONS) as container:
        is_empty = True
        for frame in container.decode(audio=0) if container.streams.audio else ():
            _check(frame)
            is_empty = False
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray()[0]
        for last in [] if is_empty else resampler.resample(None):
            yield last.to_ndarray()[0]


def _check(frame: av.AudioFrame) -> None:
    """Before it is resampled: at a rate of 1 Hz, a second would become a day."""
    check_rate(frame.sample_rate, "the file's rate")
    if frame.layout.nb_channels > MAX_CHANNELS:
        raise InvalidRequest(
            f"the file has {frame.layout.nb_channels} channels, at most {MAX_CHANNELS} are read",
            param="file",
        )
