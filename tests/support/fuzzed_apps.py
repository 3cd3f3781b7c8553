"""The apps as they are fuzzed: real processes that answer at once, for their weights are tiny and
random, and the gateway's services are stubs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

import encoder_service.hparams
import synthesizer_service.tacotron.hparams
from encoder_service.model import SpeakerEncoder
from shared.audio.files import endless_wav_header
from shared.checkpoints.writing import write
from shared.services import SERVICES
from synthesizer_service.tacotron.model import Tacotron
from tests.conftest import running
from tests.support.stub_services import StubServices
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams
from vocoder_service.wavernn.model import WaveRNN

KEY = "sk-of-the-fuzzer"
APPS = [*SERVICES, "gateway"]


@contextmanager
def fuzzed(name: str, folder: Path) -> Iterator[str]:
    """Gives the URL. folder: for what the app reads or keeps."""
    if name == "gateway":
        with StubServices() as services:
            services.vocoder.answer = _short_sound
            of_gateway = {
                "DATA_DIR": str(folder),
                "DATABASE_URL": "",
                "REDIS_URL": "",
                "API_KEYS": KEY,
            }
            with running(name, **services.environment, **of_gateway) as url:
                yield url
        return
    write_tiny_checkpoint("vocos" if name == "vocoder" else name, folder)
    with running(name, CHECKPOINTS_DIR=str(folder), MAX_FRAMES="40") as url:
        yield url


def write_tiny_checkpoint(name: str, folder: Path) -> None:
    """Into `folder`/`name`: random weights that a service takes. name: of the model."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        write(folder / name, _network(name).state_dict(), source="random", licence="none")


def _short_sound(path: str, request: dict[str, Any]) -> Iterator[bytes]:
    """However long the text: as JSON it is a number a sample."""
    yield endless_wav_header(16_000)
    yield bytes(800)


def _network(name: str) -> nn.Module:
    """With the smallest layers; what goes in and comes out has its usual size."""
    if name == "encoder":
        sizes = encoder_service.hparams.Hparams(model_hidden_size=8, model_num_layers=1)
        return SpeakerEncoder(sizes)
    if name == "synthesizer":
        small = synthesizer_service.tacotron.hparams.Hparams(
            embed_dims=16,
            encoder_dims=16,
            decoder_dims=16,
            postnet_dims=16,
            lstm_dims=32,
            encoder_K=2,
            postnet_K=2,
            num_highways=1,
        )
        return Tacotron(small)
    if name == "vocos":
        return Vocos(VocosHparams(dims=8, hidden_dims=8, blocks=1))
    tiny = WaveRNNHparams(rnn_dims=32, fc_dims=32, compute_dims=16, res_out_dims=16, res_blocks=1)
    return WaveRNN(tiny)
