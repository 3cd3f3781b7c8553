"""Hyperparameters of the synthesizer, read from a checkpoint's manifest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hparams:
    """The arguments of RTVC's `Tacotron`, under its names. Defaults fit RTVC's checkpoints.

    Raises ValueError for values that do not fit together.
    """

    embed_dims: int = 512  # of a character
    num_chars: int = 66  # symbols of the alphabet, padding included
    encoder_dims: int = 256
    decoder_dims: int = 128  # attention; the decoder's prenet is twice as wide
    n_mels: int = 80
    fft_bins: int = 80  # bands out of the postnet; must equal n_mels
    postnet_dims: int = 512
    encoder_K: int = 5  # widest kernel of the encoder's convolution bank  # noqa: N815
    lstm_dims: int = 1024
    postnet_K: int = 5  # noqa: N815
    num_highways: int = 4
    dropout: float = 0.5  # both prenets, in synthesis; training sets its own
    stop_threshold: float = -3.4  # mel level; trailing frames below it are silence
    speaker_embedding_size: int = 256

    def __post_init__(self) -> None:
        if self.fft_bins != self.n_mels:
            raise ValueError(f"fft_bins is {self.fft_bins}, must equal n_mels ({self.n_mels})")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}, must be at least 0 and below 1")
