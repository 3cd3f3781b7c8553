"""Sound out of media files of any usual kind, through FFmpeg's libraries in PyAV's wheel.

The services read fewer formats, through libsndfile (shared/audio/files.py), which takes less
memory.
"""

import io
from collections.abc import Generator, Iterator
from contextlib import closing

import av
import numpy as np
from av.error import FFmpegError

from shared.audio.decoding import Block, CutOff, decode
from shared.audio.files import MAX_CHANNELS, check_rate, check_values, clip_too_long
from shared.audio.formats import READ_BY_GATEWAY, labels, listed
from shared.audio.headers import CUT_OFF
from shared.audio.phase import OppositePhase
from shared.http.errors import InvalidRequest, UnsupportedMediaType
from shared.http.tensors import Float32Array

READ_FORMATS = labels(READ_BY_GATEWAY)
READ_HERE = f"{listed(READ_FORMATS)} files are read here"

# No playlist, nothing that leads FFmpeg to another file or address.
_CONTAINERS = "wav,w64,aiff,flac,mp3,ogg,aac,mov,matroska,caf,amr,asf"
_CODECS = (
    "flac,mp3,mp3float,mp2,mp2float,aac,alac,vorbis,libvorbis,opus,libopus,amrnb,amrwb,"
    "libopencore_amrnb,libopencore_amrwb,wmav1,wmav2,wmapro,wmalossless,wmavoice,"
    "pcm_s8,pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw"
)
_OPTIONS = {
    "format_whitelist": _CONTAINERS,
    "codec_whitelist": _CODECS,
    "protocol_whitelist": "",
}
_WITH_LENGTH = {"mov", "matroska", "flac", "asf"}
"""Containers whose header gives the length; FFmpeg estimates that of the others."""
_MISSING_SECONDS = 0.5  # between that length and the decoded one, from which it matters


def read_media(data: bytes, rate: int, max_seconds: float) -> Float32Array:
    """[n] float32 in ±1, or a little over, mono, at `rate` Hz: the first sound track of a file.

    A file that is cut off is read as far as possible. Decoding stops at `max_seconds`. Raises
    UnsupportedMediaType, TooLarge or InvalidRequest.
    """
    return np.concatenate([*stream_media(data, rate, max_seconds)])


def stream_media(
    data: bytes, rate: int, max_seconds: float, warnings: list[str] | None = None
) -> Generator[Float32Array]:
    """The sound of `read_media`, block by block. Closing the iterator stops decoding.

    warnings: gets a message if the file is cut off.
    """
    with closing(decode("ffmpeg", data, max_seconds, rate)) as blocks:
        try:
            for _, wav in blocks:
                yield wav
        except CutOff as error:
            if warnings is not None:
                warnings.append(error.message)


def decode_media(data: bytes, rate: int, max_seconds: float) -> Iterator[Block]:
    """Decode a media file with FFmpeg in this process, block by block, at `rate` Hz.

    Raises as `read_media`, MemoryError, and CutOff after the last good block.
    """
    samples, max_samples = 0, max_seconds * rate
    try:
        for wav in _resampled(data, rate):
            check_values(wav, "the file")
            samples += len(wav)
            if samples > max_samples:
                raise clip_too_long("the file", max_seconds)
            yield rate, wav
    except MemoryError:  # FFmpeg's own is an FFmpegError as well
        raise
    except (FFmpegError, ValueError) as error:
        if samples:
            raise _cut_off() from None
        raise UnsupportedMediaType(
            f"the file cannot be decoded ({type(error).__name__}){_remedy(data)}; {READ_HERE}",
            param="file",
        ) from None
    if not samples:
        raise UnsupportedMediaType("the file holds no sound", param="file")


def _resampled(data: bytes, rate: int) -> Iterator[Float32Array]:
    resampler, in_phase = av.AudioResampler(format="flt", layout="mono", rate=rate), _InPhase()
    with av.open(io.BytesIO(data), "r", options=_OPTIONS) as container:
        if not container.streams.audio:
            return
        samples, failure = 0, None
        frames = container.decode(audio=0)
        while True:
            try:
                frame = next(frames)
            except StopIteration:
                break
            except FFmpegError as error:
                failure = error
                break
            _check(frame)
            for aligned in in_phase(frame):
                for resampled in resampler.resample(aligned):
                    yield (wav := resampled.to_ndarray()[0])
                    samples += len(wav)
        for last in resampler.resample(None) if samples else ():
            yield (wav := last.to_ndarray()[0])
            samples += len(wav)
        if failure is not None:
            raise failure
        if 0 < samples / rate < _promised_seconds(container) - _MISSING_SECONDS:
            raise _cut_off()


class _InPhase:
    """Inverts channels of opposite phase, before FFmpeg mixes them."""

    def __init__(self) -> None:
        self._to_floats = av.AudioResampler(format="flt")
        self._phase = OppositePhase()

    def __call__(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        channels = frame.layout.nb_channels
        if channels == 1:
            yield frame
            return
        for floats in self._to_floats.resample(frame):
            wav: Float32Array = floats.to_ndarray().astype(np.float32, copy=False)
            wav = wav.reshape(-1, channels)
            signs = self._phase.signs(wav)
            if signs.min() > 0:
                yield floats
                continue
            aligned = av.AudioFrame.from_ndarray(
                (wav * signs).reshape(1, -1), format="flt", layout=floats.layout.name
            )
            aligned.sample_rate, aligned.pts = floats.sample_rate, floats.pts
            aligned.time_base = floats.time_base
            yield aligned


def _promised_seconds(container: av.container.InputContainer) -> float:
    """The length in the header; 0 without one."""
    if not _WITH_LENGTH & {*container.format.name.split(",")}:
        return 0
    track = container.streams.audio[0]
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    return (container.duration or 0) / av.time_base


def _cut_off() -> CutOff:
    return CutOff(CUT_OFF, param="file")


def _remedy(data: bytes) -> str:
    """Remedy for the commonest broken file: a phone's recording that was not closed."""
    if data[4:8] != b"ftyp" or b"moov" in data:
        return ""
    return (
        ": the index at its end is missing, as the recording or the upload broke off; "
        "send the whole file, or record again"
    )


def _check(frame: av.AudioFrame) -> None:
    """Check a frame before it is resampled: from 1 Hz, a second would become a day."""
    check_rate(frame.sample_rate, "the file's rate")
    if frame.layout.nb_channels > MAX_CHANNELS:
        raise InvalidRequest(
            f"the file has {frame.layout.nb_channels} channels, at most {MAX_CHANNELS} are read",
            param="file",
        )
