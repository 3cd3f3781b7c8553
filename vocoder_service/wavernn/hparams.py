"""Hyperparameters of WaveRNN, filled from a checkpoint's manifest."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Hparams:
    """The dimensions of WaveRNN. The defaults are the full size of RTVC.

    Raises ValueError for a mode other than RAW, and for inconsistent sizes.
    """

    rnn_dims: int = 512
    fc_dims: int = 512
    bits: int = 9
    pad: int = 2  # frames of context on each side of a frame
    upsample_factors: tuple[int, ...] = (5, 5, 8)
    feat_dims: int = 80
    compute_dims: int = 128
    res_out_dims: int = 128
    res_blocks: int = 10
    hop_length: int = 200  # samples a frame
    sample_rate: int = 16_000  # Hz
    mode: str = "RAW"

    def __post_init__(self) -> None:
        if self.mode != "RAW":
            raise ValueError(
                f"mode {self.mode!r}: only RAW (one softmax over mu-law classes) is supported, "
                "not a mixture of logistics (MOL); use a checkpoint trained with mode RAW"
            )
        if prod(self.upsample_factors) != self.hop_length:
            raise ValueError(
                f"upsample_factors {self.upsample_factors} multiply to "
                f"{prod(self.upsample_factors)}, not to hop_length {self.hop_length}"
            )
        if self.res_out_dims % 4:
            raise ValueError(f"res_out_dims {self.res_out_dims} must split into four equal parts")
        if not 1 <= self.bits <= 15:
            raise ValueError(f"bits {self.bits}: labels are 16-bit integers, so 1 to 15 bits")
        if self.smoothing_span > self.pad:
            raise ValueError(
                f"upsample_factors {self.upsample_factors} smooth over "
                f"{self.smoothing_span:.2f} frames on each side, more than pad {self.pad}"
            )

    @property
    def classes(self) -> int:
        """Mu-law classes of a sample."""
        return 1 << self.bits

    @property
    def aux_dims(self) -> int:
        """Channels of each of the four groups of auxiliary features."""
        return self.res_out_dims // 4

    @property
    def smoothing_span(self) -> float:
        """Reach of the upsampling's smoothing in frames, on each side."""
        factors = self.upsample_factors
        return sum(1 / prod(factors[:stage]) for stage in range(len(factors)))
