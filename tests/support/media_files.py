"""Whole sound files of many kinds: a tone each."""

import io

import av
import numpy as np
import soundfile

from shared.http.tensors import Float32Array

RATE, SECONDS = 24_000, 1.5


def tone() -> Float32Array:
    seconds = np.arange(int(SECONDS * RATE)) / RATE
    wav: Float32Array = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    return wav


def media_file(container: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(tone()[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def sound_file(kind: str, channels: int = 1) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone()] * channels, axis=1), RATE, format=kind)
    return file.getvalue()
