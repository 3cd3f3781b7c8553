"""The sound of one sentence as it is kept: losslessly compressed, at the services' rate."""

import io

import numpy as np
import soundfile

from client.chain import SAMPLE_RATE
from client.wav_stream import Int16Array


def kept(samples: Int16Array) -> bytes:
    """FLAC, from [n] int16 samples of 16 kHz."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def sound_of(flac: bytes) -> Int16Array:
    """[n] int16 samples of 16 kHz, from what `kept` returned."""
    samples, _ = soundfile.read(io.BytesIO(flac), dtype="int16")
    return np.asarray(samples, np.int16)
