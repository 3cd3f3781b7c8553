"""Sound files of many kinds: a tone each, or the sound that is given."""

import io

import av
import numpy as np
import soundfile
import soxr

from shared.http.tensors import Float32Array
from shared.voices import sample_clip

RATE, SECONDS = 24_000, 1.5


def tone() -> Float32Array:
    seconds = np.arange(int(SECONDS * RATE)) / RATE
    wav: Float32Array = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    return wav


def media_file(
    container: str,
    codec: str,
    wav: Float32Array | None = None,
    rate: int = RATE,
    options: dict[str, str] | None = None,
) -> bytes:
    """wav: [n] in ±1 at `rate` Hz; a tone if None. options: of the container's writer."""
    rate = {"libopencore_amrnb": 8_000}.get(codec, rate)
    sound = tone() if wav is None else wav
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options or {}) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = {"libopencore_amrnb": 12_200}.get(codec, 64_000)
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        frame.sample_rate = RATE if wav is None else rate
        for resampled in (*resampler.resample(frame), *resampler.resample(None)):
            output.mux(stream.encode(resampled))
        output.mux(stream.encode(None))
    return file.getvalue()


def voice_file(container: str, codec: str, options: dict[str, str] | None = None) -> bytes:
    """Six seconds of a preset's speech."""
    clip = sample_clip(seconds=6)
    rate = 8_000 if codec == "libopencore_amrnb" else 16_000
    wav = soxr.resample(clip.wav, clip.rate, rate)
    return media_file(container, codec, wav, rate, options)


def sound_file(kind: str, channels: int = 1) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone()] * channels, axis=1), RATE, format=kind)
    return file.getvalue()


def cut_recording(data: bytes, share: float = 0.6) -> bytes:
    """The beginning of a file, as of an upload that broke off."""
    return data[: int(share * len(data))]
