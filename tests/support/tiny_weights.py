"""Random weights of each model, small enough for every test to have its own."""

import torch

from encoder_service.hparams import Hparams as EncoderHparams
from encoder_service.model import SpeakerEncoder
from synthesizer_service.tacotron.hparams import Hparams as TacotronHparams
from synthesizer_service.tacotron.model import Tacotron
from vocoder_service.vocos.hparams import Hparams as VocosHparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.wavernn.hparams import Hparams as WaveRNNHparams
from vocoder_service.wavernn.model import WaveRNN

StateDict = dict[str, torch.Tensor]

ENCODER = EncoderHparams(
    mel_n_channels=6, model_hidden_size=5, model_embedding_size=4, model_num_layers=2
)
TACOTRON = TacotronHparams(
    embed_dims=10,
    num_chars=12,
    encoder_dims=8,
    decoder_dims=6,
    n_mels=4,
    fft_bins=4,
    postnet_dims=14,
    encoder_K=3,
    lstm_dims=9,
    postnet_K=2,
    num_highways=1,
    speaker_embedding_size=7,
)
WAVERNN = WaveRNNHparams(
    rnn_dims=6,
    fc_dims=5,
    bits=4,
    feat_dims=7,
    compute_dims=8,
    res_out_dims=12,
    res_blocks=2,
    upsample_factors=(2, 5, 3),
    hop_length=30,
)
VOCOS = VocosHparams(
    n_mels=7, dims=6, hidden_dims=5, blocks=2, kernel_size=3, n_fft=16, hop_length=4
)


def tiny_encoder() -> StateDict:
    return SpeakerEncoder(ENCODER).state_dict()


def tiny_tacotron() -> StateDict:
    return Tacotron(TACOTRON).state_dict()


def tiny_wavernn() -> StateDict:
    return WaveRNN(WAVERNN).state_dict()


def tiny_vocos() -> StateDict:
    return Vocos(VOCOS).state_dict()
