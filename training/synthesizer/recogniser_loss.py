"""Recogniser losses: a small network recognises a mel's phonemes and its voice.

They train a synthesizer on details that the mel error misses: a blurred consonant is a small error
and a lost word. Phonemes are recognised by CTC (A. Graves et al., ICML 2006); the voice is the
encoder service's embedding. Both towers are convolutional and cost little beside the synthesizer.

Shapes: B clips, T frames, H = ceil(T / 2) recogniser steps, P phonemes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Int64Array
from training.weights import load_weights, read_weights, require_finite

STRIDE = 2  # frames per recogniser step
PHONEME_DIMS, PHONEME_DILATIONS = 256, (1, 1, 2, 2, 4, 4)
VOICE_DIMS, VOICE_DILATIONS = 192, (1, 1, 1)
EMBEDDING_DIMS = 256

PHONEMES = "aæɑɐʌɔoɜɛeəɚɪiᵻʊubdðfɡhjklmnŋpɹsʃtɾθvwzʒ"
"""espeak's, without stress and length."""
_ID_OF = {phoneme: index for index, phoneme in enumerate(PHONEMES, start=1)} | {
    "ʔ": 1 + PHONEMES.index("t")
}


@lru_cache(maxsize=100_000)
def phoneme_ids(text: str) -> Int64Array:
    """[P], each 1..len(PHONEMES); 0 is CTC's blank. Empty for a text without a word.

    text: normalised. Raises ModuleNotFoundError without the extra `train`.
    """
    phonemes: str = _tokenizer().phonemize(text, "en-us")
    return np.array([_ID_OF[one] for one in phonemes if one in _ID_OF], np.int64)


@cache
def _tokenizer() -> Any:
    from kokoro_onnx.tokenizer import Tokenizer

    return Tokenizer()


def padded_phonemes(texts: Sequence[str]) -> Tensor:
    """[B, P], padded with 0."""
    ids = [torch.from_numpy(phoneme_ids(text)) for text in texts]
    return nn.utils.rnn.pad_sequence(ids, batch_first=True)


class _Tower(nn.Module):
    """Residual convolutions at half the frame rate."""

    def __init__(self, dims: int, dilations: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        bands = MEL_FORMAT.n_mels
        self.convs = nn.ModuleList(
            [nn.Conv1d(bands, dims, 5, padding=2), nn.Conv1d(dims, dims, 5, STRIDE, padding=2)]
        )
        for dilation in dilations:
            self.convs.append(nn.Conv1d(dims, dims, 5, padding=2 * dilation, dilation=dilation))
        self.norms = nn.ModuleList(nn.BatchNorm1d(dims) for _ in self.convs)

    def forward(self, mel: Tensor) -> list[Tensor]:
        """mel: [B, 80, T] in ±4. Returns each layer's output, [B, dims, T or H]."""
        x, layers = mel / MEL_FORMAT.max_abs, list[Tensor]()
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = F.relu(norm(conv(x)))
            x = x + F.dropout(y, self.dropout, self.training) if number >= 2 else y
            layers.append(x)
        return layers


@dataclass(frozen=True)
class Recognition:
    """layers: outputs of the phoneme tower, [B, dims, T or H]. phonemes: log probabilities, [B, H,
    1 + phonemes], the blank first. voice: [B, 256], unit length."""

    layers: list[Tensor]
    phonemes: Tensor
    voice: Tensor


class PhonemeRecogniser(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros(1, dtype=torch.long))
        self.phoneme_tower = _Tower(PHONEME_DIMS, PHONEME_DILATIONS, dropout)
        self.voice_tower = _Tower(VOICE_DIMS, VOICE_DILATIONS, dropout=0.0)
        self.phonemes = nn.Conv1d(PHONEME_DIMS, 1 + len(PHONEMES), 1)
        self.voice = nn.Linear(2 * VOICE_DIMS, EMBEDDING_DIMS)

    def forward(self, mel: Tensor, weight: Tensor) -> Recognition:
        """mel: [B, 80, T] in ±4. weight: [B, T], 1 within a clip, 0 in padding."""
        layers = self.layers(mel)
        with torch.autocast(mel.device.type, torch.bfloat16):
            logits = self.phonemes(layers[-1])
            steps = self.voice_tower(mel)[-1]
        steps, share = steps.float(), weight[:, None, ::STRIDE]
        share = share / share.sum(dim=2, keepdim=True)
        mean = (steps * share).sum(dim=2)
        variance = ((steps - mean[..., None]).square() * share).sum(dim=2)
        deviation = (variance + 1e-4).sqrt()
        voice = F.normalize(self.voice(torch.cat([mean, deviation], dim=1)), dim=1)
        return Recognition(layers, logits.float().transpose(1, 2).log_softmax(dim=2), voice)

    def layers(self, mel: Tensor) -> list[Tensor]:
        """`Recognition.layers` alone. mel: [B, 80, T] in ±4."""
        with torch.autocast(mel.device.type, torch.bfloat16):
            layers: list[Tensor] = self.phoneme_tower(mel)
        return layers


def phoneme_loss(output: Recognition, phonemes: Tensor, weight: Tensor) -> Tensor:
    """CTC loss per phoneme. phonemes: [B, P], padded with 0. weight: as in
    `PhonemeRecogniser.forward`."""
    counts, steps = (phonemes > 0).sum(dim=1), -(-weight.sum(dim=1).long() // STRIDE)
    loss = F.ctc_loss(
        output.phonemes.transpose(0, 1), phonemes, steps, counts,
        reduction="none", zero_infinity=True,
    )  # fmt: skip
    return (loss / counts.clamp(min=1)).mean()


def feature_loss(layers: list[Tensor], target: list[Tensor], weight: Tensor) -> Tensor:
    """L1 distance of the layers' outputs from those for the true mel, relative to the latter,
    averaged over layers."""
    distances = []
    for output, goal in zip(layers, target, strict=True):
        mask = weight[:, None, :: 1 if output.shape[2] == weight.shape[1] else STRIDE]
        output, goal = output.float(), goal.float()
        distances.append(((output - goal).abs() * mask).sum() / (goal.abs() * mask).sum())
    return torch.stack(distances).mean()


def voice_loss(output: Recognition, embeds: Tensor) -> Tensor:
    """1 - cosine. embeds: [B, 256], unit length."""
    return 1 - (output.voice * embeds).sum(dim=1).mean()


def load_recogniser(path: Path) -> PhonemeRecogniser:
    """Load a trained recogniser and freeze it. path: as in `read_weights`.

    Raises TrainingError, CheckpointError, OSError.
    """
    recogniser = PhonemeRecogniser()
    weights = read_weights(path)
    load_weights(recogniser, weights, path, "give a run of `better train recogniser`")
    require_finite(weights, path)
    return recogniser.eval().requires_grad_(False)
