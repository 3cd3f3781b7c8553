"""WaveRNN as a vocoder: a checkpoint, an engine and the spectral correction."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model
from shared.http.tensors import Float32Array
from vocoder_service.waveform import Wave
from vocoder_service.wavernn.batching import SharedEngine
from vocoder_service.wavernn.engine import Engine
from vocoder_service.wavernn.generation import generate
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.native_engine import Precision, engine_for


@dataclass(frozen=True)
class WaveRNNVocoder:
    """WaveRNN as a vocoder. Thread-safe. passes: of the spectral correction; 0 turns it off."""

    engine: Engine
    passes: int

    def generate(self, mel: Float32Array, seed: int, temperature: float) -> Iterator[Wave]:
        """See `vocoder_service.wavernn.generation.generate`."""
        return generate(self.engine, mel, seed, temperature, self.passes)


def load(folder: Path, threads: int, precision: Precision, passes: int) -> WaveRNNVocoder:
    """Load the checkpoint. threads: of the native sample loop.

    Raises CheckpointError, which names the file and the remedy.
    """
    model = load_model(
        folder,
        lambda architecture: WaveRNN(hparams_from(Hparams, architecture)),
        has_mel_format=True,
    )
    return WaveRNNVocoder(SharedEngine(engine_for(model, threads, precision)), passes)
