"""Recognise a model and its hyperparameters by the names and shapes of its state dict.

RTVC's checkpoints hold no hyperparameters; its code keeps them in `hparams.py` files. For those
that weights do not show (dropout, window lengths, the sample rate), RTVC's constants are used.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from shared.checkpoints.manifest import CheckpointError, ModelName

StateDict = Mapping[str, torch.Tensor]

MARKERS: dict[ModelName, tuple[str, str]] = {
    "encoder": ("lstm.weight_ih_l0", "linear.weight"),
    "synthesizer": ("encoder.embedding.weight", "decoder.mel_proj.weight"),
    "vocoder": ("upsample.resnet.conv_in.weight", "rnn1.weight_ih_l0"),
    "vocos": ("embed.conv.weight", "blocks.0.dwconv.weight"),
}
SAMPLE_RATE = 16_000  # Hz
NOT_IN_THE_WEIGHTS = {
    *("mel_window_length", "mel_window_step", "sampling_rate", "partials_n_frames"),
    *("dropout", "sample_rate"),
}
"""Hyperparameters that a manifest states freely, as weights do not show them."""


def recognise(state_dict: StateDict) -> ModelName:
    """The model of a state dict. Raises CheckpointError if it is not one of the models."""
    for model, markers in MARKERS.items():
        if all(name in state_dict for name in markers):
            return model
    names = ", ".join(list(state_dict)[:3]) or "nothing"
    raise CheckpointError(
        "the weights are not an encoder, a synthesizer or a vocoder of RTVC, nor a Vocos; "
        f"they hold {names}, ..."
    )


def infer_architecture(model: ModelName, state_dict: StateDict) -> dict[str, Any]:
    """Hyperparameters under the names of the services' `Hparams`.

    Raises CheckpointError for variants of the model that the services do not support.
    """
    form = "this repository's form" if model == "vocos" else "RTVC's form"
    try:
        return _INFER[model](state_dict)
    except KeyError as error:
        raise CheckpointError(f"not a {model} of {form}: {error.args[0]} is missing") from None
    except (IndexError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"not a {model} of {form}: {error}") from None


def check_architecture(
    model: ModelName, state_dict: StateDict, architecture: Mapping[str, Any]
) -> None:
    """Raises CheckpointError if a manifest and the weights disagree."""
    if (found := recognise(state_dict)) != model:
        raise CheckpointError(f"the manifest says {model}, but the weights are those of a {found}")
    for name, value in infer_architecture(model, state_dict).items():
        if name not in NOT_IN_THE_WEIGHTS and architecture.get(name) != value:
            claimed = architecture.get(name)
            raise CheckpointError(f"{name} is {claimed} in the manifest, {value} in the weights")


def _encoder(state_dict: StateDict) -> dict[str, Any]:
    weight = state_dict["lstm.weight_ih_l0"]  # [4 * hidden, channels]
    return {
        "mel_window_length": 25,  # ms
        "mel_window_step": 10,  # ms
        "mel_n_channels": weight.shape[1],
        "sampling_rate": SAMPLE_RATE,
        "partials_n_frames": 160,
        "model_hidden_size": weight.shape[0] // 4,
        "model_embedding_size": state_dict["linear.weight"].shape[0],
        "model_num_layers": _count(state_dict, r"lstm\.weight_ih_l(\d+)"),
    }


def _tacotron(state_dict: StateDict) -> dict[str, Any]:
    num_chars, embed_dims = state_dict["encoder.embedding.weight"].shape
    encoder_dims = state_dict["encoder.pre_net.fc2.weight"].shape[0]
    decoder_dims, memory_dims = state_dict["encoder_proj.weight"].shape
    fft_bins, postnet_dims = state_dict["post_proj.weight"].shape
    # Older forks differ here: two attention channels, and no trained stop token.
    _expect(state_dict, "decoder.attn_net.conv.weight", (32, 1, 31))
    _expect(state_dict, "postnet.rnn.weight_hh_l0", (3 * postnet_dims // 2, postnet_dims // 2))
    lstm_dims = state_dict["decoder.mel_proj.weight"].shape[1]
    _expect(state_dict, "decoder.stop_proj.weight", (1, memory_dims + lstm_dims))
    return {
        "embed_dims": embed_dims,
        "num_chars": num_chars,
        "encoder_dims": encoder_dims,
        "decoder_dims": decoder_dims,
        "n_mels": state_dict["decoder.prenet.fc1.weight"].shape[1],
        "fft_bins": fft_bins,
        "postnet_dims": postnet_dims,
        "encoder_K": _count(state_dict, r"encoder\.cbhg\.conv1d_bank\.(\d+)\.conv\.weight"),
        "lstm_dims": lstm_dims,
        "postnet_K": _count(state_dict, r"postnet\.conv1d_bank\.(\d+)\.conv\.weight"),
        "num_highways": _count(state_dict, r"encoder\.cbhg\.highways\.(\d+)\.W1\.weight"),
        "dropout": 0.5,
        "stop_threshold": _short_float(state_dict["stop_threshold"]),
        "speaker_embedding_size": memory_dims - encoder_dims,
    }


def _wavernn(state_dict: StateDict) -> dict[str, Any]:
    compute_dims, feat_dims, kernel = state_dict["upsample.resnet.conv_in.weight"].shape
    n_classes, fc_dims = state_dict["fc3.weight"].shape
    if n_classes & (n_classes - 1):
        raise ValueError(f"{n_classes} output classes are not mu-law bits (voc_mode RAW)")
    # Odd indices are the smoothing convolutions, 2 * factor + 1 wide; even ones only repeat.
    stages = _count(state_dict, r"upsample\.up_layers\.(\d+)\.weight")
    kernels = [state_dict[f"upsample.up_layers.{2 * i + 1}.weight"] for i in range(stages)]
    upsample_factors = tuple((weight.shape[3] - 1) // 2 for weight in kernels)
    return {
        "rnn_dims": state_dict["rnn1.weight_hh_l0"].shape[1],
        "fc_dims": fc_dims,
        "bits": n_classes.bit_length() - 1,
        "pad": (kernel - 1) // 2,
        "upsample_factors": upsample_factors,
        "feat_dims": feat_dims,
        "compute_dims": compute_dims,
        "res_out_dims": state_dict["upsample.resnet.conv_out.weight"].shape[0],
        "res_blocks": _count(state_dict, r"upsample\.resnet\.layers\.(\d+)\.conv1\.weight"),
        "hop_length": math.prod(upsample_factors),
        "sample_rate": SAMPLE_RATE,
        "mode": "RAW",
    }


def _vocos(state_dict: StateDict) -> dict[str, Any]:
    dims, n_mels, kernel_size = state_dict["embed.conv.weight"].shape
    hidden_dims = state_dict["blocks.0.pwconv1.weight"].shape[0]
    n_fft = state_dict["out.weight"].shape[0] - 2  # n_fft / 2 + 1 magnitudes and as many phases
    return {
        "n_mels": n_mels,
        "dims": dims,
        "hidden_dims": hidden_dims,
        "blocks": _count(state_dict, r"blocks\.(\d+)\.gamma"),
        "kernel_size": kernel_size,
        "n_fft": n_fft,
        "hop_length": n_fft // 4,
        "sample_rate": SAMPLE_RATE,
    }


_INFER: dict[ModelName, Callable[[StateDict], dict[str, Any]]] = {
    "encoder": _encoder,
    "synthesizer": _tacotron,
    "vocoder": _wavernn,
    "vocos": _vocos,
}


def _count(state_dict: StateDict, pattern: str) -> int:
    return sum(re.fullmatch(pattern, name) is not None for name in state_dict)


def _expect(state_dict: StateDict, name: str, shape: tuple[int, ...]) -> None:
    if tuple(state_dict[name].shape) != shape:
        raise ValueError(f"{name} is {list(state_dict[name].shape)}, must be {list(shape)}")


def _short_float(scalar: torch.Tensor) -> float:
    """A float32 in its shortest decimal form: -3.4, not -3.4000000953674316."""
    return float(f"{scalar.item():.7g}")
