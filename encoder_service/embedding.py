"""A voice's embedding from its sound."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from encoder_service.features import mel_frames, partial_starts
from encoder_service.model import SpeakerEncoder

Array = NDArray[np.float32]

SMALLEST = 1e-12  # keeps an embedding of zeros from being divided by its length
PARTIALS_PER_BATCH = 16  # bounds memory, whatever the clip's length


@dataclass(frozen=True)
class Embedding:
    embed: Array
    """[256], unit length, >= 0: the mean of the partials, scaled."""
    partials: Array
    """[P, 256], one for each 1.6 s with half overlap."""
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
    length = max(float(np.linalg.norm(mean)), SMALLEST)
    return Embedding(mean / length, partials, len(wav) / hparams.sampling_rate)


@torch.inference_mode()
def _embed_partials(model: SpeakerEncoder, mel: Array, starts: range) -> Array:
    """mel: [T, 40]. Returns [len(starts), 256]."""
    mels = np.stack([mel[start : start + model.hparams.partials_n_frames] for start in starts])
    embeds: Array = model(torch.from_numpy(mels)).numpy()
    return embeds
