"""A voice's embedding from its sound."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from encoder_service.features import mel_frames, partial_starts
from encoder_service.model import SpeakerEncoder

Array = NDArray[np.float32]

MIN_NORM = 1e-12  # an embedding of zeros is divided by it
PARTIALS_PER_BATCH = 16  # bounds memory, whatever the clip's length
MIN_PARTIALS_PER_PART = 2
MIN_PART_SHARE = 0.15  # of the clip: a few odd syllables are not a second speaker
CLUSTERING_ROUNDS = 10


@dataclass(frozen=True)
class Embedding:
    embed: Array
    """[256], unit length, >= 0: the mean of the partials, scaled."""
    partials: Array
    """[P, 256], one for each 1.6 s with half overlap; unit length."""
    voiced_seconds: float


def embed_utterance(model: SpeakerEncoder, wav: Array) -> Embedding:
    """Embed preprocessed sound (`preprocess`), as RTVC's `embed_utterance`.

    wav: [n] in ±1 at 16 kHz. Under 1.6 s it is padded with silence.
    """
    hparams = model.hparams
    starts = partial_starts(len(wav), hparams)
    covered = (starts[-1] + hparams.partials_n_frames) * hparams.samples_per_frame
    mel = mel_frames(np.pad(wav, (0, max(0, covered - len(wav)))), hparams)
    batches = [
        starts[i : i + PARTIALS_PER_BATCH] for i in range(0, len(starts), PARTIALS_PER_BATCH)
    ]
    partials = np.concatenate([_embed_partials(model, mel, batch) for batch in batches])
    mean = partials.mean(axis=0)
    length = max(float(np.linalg.norm(mean)), MIN_NORM)
    return Embedding(mean / length, partials, len(wav) / hparams.sampling_rate)


def part_likeness(partials: Array) -> float | None:
    """Cosine of the two most different parts of a clip, each of at least 2.4 s and 15 % of it.

    The parts are two clusters of the partials by k-means. Speakers may take turns in any order.
    partials: [P, 256], unit length. None for fewer than four.
    """
    if len(partials) < 2 * MIN_PARTIALS_PER_PART:
        return None
    cosines = partials @ partials.T
    least_alike = partials[[*np.unravel_index(cosines.argmin(), cosines.shape)]]  # [2, 256]
    halves = np.stack([half.mean(axis=0) for half in np.array_split(partials, 2)])
    return min(_cluster_likeness(partials, centres) for centres in (least_alike, halves))


def _cluster_likeness(partials: Array, centres: Array) -> float:
    """Cosine of two clusters that begin at `centres` [2, 256]; 1 without a second cluster."""
    for _ in range(CLUSTERING_ROUNDS):
        is_second = (partials @ centres.T).argmax(axis=1) == 1
        sizes = (len(partials) - is_second.sum(), is_second.sum())
        if min(sizes) < max(MIN_PARTIALS_PER_PART, MIN_PART_SHARE * len(partials)):
            return 1.0
        means = np.stack([partials[~is_second].mean(axis=0), partials[is_second].mean(axis=0)])
        centres = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), MIN_NORM)
    return float(centres[0] @ centres[1])


@torch.inference_mode()
def _embed_partials(model: SpeakerEncoder, mel: Array, starts: range) -> Array:
    """mel: [T, 40]. Returns [len(starts), 256]."""
    mels = np.stack([mel[start : start + model.hparams.partials_n_frames] for start in starts])
    embeds: Array = model(torch.from_numpy(mels)).numpy()
    return embeds
