"""Hyperparameters of the speaker encoder; a checkpoint's manifest fills them."""

from dataclasses import dataclass

SAMPLING_RATE = 16_000
"""Hz. One constant, because voice activity detection and every published checkpoint require it."""


@dataclass(frozen=True)
class Hparams:
    """Named as in RTVC's `encoder/params_data.py` and `encoder/params_model.py`."""

    mel_window_length: int = 25  # ms
    mel_window_step: int = 10  # ms
    mel_n_channels: int = 40
    sampling_rate: int = SAMPLING_RATE  # Hz
    partials_n_frames: int = 160  # 1600 ms, what the network was trained on
    model_hidden_size: int = 256
    model_embedding_size: int = 256
    model_num_layers: int = 3

    def __post_init__(self) -> None:
        if self.sampling_rate != SAMPLING_RATE:
            raise ValueError(f"sampling_rate is {self.sampling_rate}, must be {SAMPLING_RATE} Hz")

    @property
    def samples_per_frame(self) -> int:
        """Samples from one mel frame to the next: 160."""
        return self.sampling_rate * self.mel_window_step // 1000

    @property
    def samples_per_window(self) -> int:
        """Samples under one mel frame's window: 400."""
        return self.sampling_rate * self.mel_window_length // 1000
