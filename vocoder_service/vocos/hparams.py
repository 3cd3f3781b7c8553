"""Hyperparameters of Vocos, filled from a checkpoint's manifest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hparams:
    """The dimensions of Vocos. The defaults are the bundled weights': 3.5 million parameters.

    Raises ValueError for an even kernel size, or an FFT that is not four hops long.
    """

    n_mels: int = 80
    dims: int = 256  # channels between the blocks
    hidden_dims: int = 768  # channels within a block
    blocks: int = 8
    kernel_size: int = 7  # frames
    n_fft: int = 800  # samples, also of the window
    hop_length: int = 200  # samples a frame
    sample_rate: int = 16_000  # Hz

    def __post_init__(self) -> None:
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size {self.kernel_size} must be odd")
        if self.n_fft != 4 * self.hop_length:
            raise ValueError(
                f"n_fft {self.n_fft} must be four times the hop_length {self.hop_length}; "
                "no other overlap of windows is supported"
            )

    @property
    def context(self) -> int:
        """Frames of context on each side of a convolution's frame."""
        return self.kernel_size // 2

    @property
    def receptive_field(self) -> int:
        """Frames of context on each side of a frame's spectrum, through all layers."""
        return self.context * (1 + self.blocks)
