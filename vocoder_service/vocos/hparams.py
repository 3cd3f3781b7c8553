"""Vocos' dimensions, fixed by a checkpoint and filled from its manifest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hparams:
    """Vocos' architecture; the defaults are those of the bundled weights: 3.5 million parameters.

    Raises ValueError for sizes that do not fit one another.
    """

    n_mels: int = 80
    dims: int = 256  # channels between the blocks
    hidden_dims: int = 768  # channels within a block
    blocks: int = 8
    kernel_size: int = 7  # frames that a convolution sees
    n_fft: int = 800  # samples, also of the window
    hop_length: int = 200  # samples a frame
    sample_rate: int = 16_000  # Hz

    def __post_init__(self) -> None:
        if self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size {self.kernel_size} must be odd, to have a middle frame")
        if self.n_fft != 4 * self.hop_length:
            raise ValueError(
                f"n_fft {self.n_fft} is not four times the hop_length {self.hop_length}: "
                "windows that overlap otherwise are not supported"
            )

    @property
    def context(self) -> int:
        """Frames that a convolution sees on each side of its own."""
        return self.kernel_size // 2

    @property
    def receptive_field(self) -> int:
        """Frames of the mel on each side of a frame that its spectrum depends on."""
        return self.context * (1 + self.blocks)
