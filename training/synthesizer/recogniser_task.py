"""Training the phoneme recogniser on degraded mels, so that it does not rely on one fine detail."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training import TrainingError
from training.data.clips import Clip, ClipFolder
from training.plots import plot_phonemes
from training.recipes import RecogniserRecipe
from training.run_folder import StateDict
from training.synthesizer.batches import SILENCE
from training.synthesizer.cepstral_loss import cepstral_scaling
from training.synthesizer.recogniser_loss import (
    STRIDE,
    PhonemeRecogniser,
    padded_phonemes,
    phoneme_ids,
    phoneme_loss,
    voice_loss,
)
from training.weights import start_from

MAX_SILENCE = 16  # frames before a clip

# Degradation of a clip, in the mel's units unless stated.
LOUDNESS = 0.25  # standard deviation
BLURRED_SHARE = 0.5  # of the clips
CUTOFFS = (14, 80)  # range of the cepstral low-pass, coefficients
MAX_NOISE = 0.35  # standard deviation
MASKS = 2  # of bands, and as many of frames
MAX_MASK_WIDTH = 9  # bands or frames
MASK_LEVEL = -2.0  # about the mean level of speech


@dataclass(frozen=True)
class RecogniserBatch:
    mel: Tensor  # [B, 80, T], degraded
    phonemes: Tensor  # [B, P]
    embeds: Tensor  # [B, 256]
    weight: Tensor  # [B, T]


class RecogniserTask:
    discriminators = None

    def __init__(
        self,
        data: ClipFolder,
        recipe: RecogniserRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights that a new run begins with, as `path` in `read_weights`.

        Raises TrainingError for data without usable clips; CheckpointError.
        """
        self.recipe, self.schedule, self.seed = recipe, recipe.schedule, recipe.seed
        self._data, self._device = data, torch.device(device)
        self._clips = [
            clip
            for clip in data.trainable(recipe.min_frames, recipe.max_frames)
            if 0 < len(phoneme_ids(clip.text)) < clip.frames / STRIDE
        ]
        if not self._clips:
            raise TrainingError(
                f"{data.folder} has no clip that is long enough for its text; "
                "check the transcripts, or add clips"
            )
        torch.manual_seed(recipe.seed)
        self.model = PhonemeRecogniser(recipe.dropout)
        if start:
            start_from(self.model, start)
        self.model.to(self._device)

    def batch(self, step: int) -> RecogniserBatch:
        """Clips of similar length: a quarter of four times as many, sorted by length."""
        rng = np.random.default_rng([self.recipe.seed, step])
        size = self.recipe.batch
        drawn = [self._clips[i] for i in rng.integers(len(self._clips), size=4 * size)]
        drawn.sort(key=lambda clip: clip.frames)
        at = size * int(rng.integers(4))
        return _make_batch(self._data, drawn[at : at + size], rng)

    def losses(self, batch: RecogniserBatch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        mel, phonemes, embeds, weight = (
            each.to(self._device)
            for each in (batch.mel, batch.phonemes, batch.embeds, batch.weight)
        )
        output = self.model(mel, weight)
        losses = {
            "phonemes": phoneme_loss(output, phonemes, weight),
            "voice": voice_loss(output, embeds),
        }
        return torch.stack([*losses.values()]).sum(), losses

    @torch.no_grad()
    def plot(self, average: StateDict, file: Path) -> None:
        """Plot the phonemes recognised in the first clip over time."""
        model = PhonemeRecogniser().eval()
        model.load_state_dict({name: value.cpu() for name, value in average.items()})
        mel = self._data.features(self._clips[0]).mel
        output = model(torch.from_numpy(mel)[None], torch.ones(1, mel.shape[1]))
        plot_phonemes(file, mel=mel, phonemes=output.phonemes[0].exp().numpy())


def _make_batch(
    data: ClipFolder, clips: Sequence[Clip], rng: np.random.Generator
) -> RecogniserBatch:
    """Degrade the clips and pad them with silence on both sides."""
    features = [data.features(clip) for clip in clips]
    before, after = int(rng.integers(MAX_SILENCE)), MAX_SILENCE // 2
    frames = before + max(each.mel.shape[1] for each in features) + after
    mel = np.full((len(clips), MEL_FORMAT.n_mels, frames), SILENCE, np.float32)
    weight = np.zeros((len(clips), frames), np.float32)
    for i, each in enumerate(features):
        n = before + each.mel.shape[1]
        mel[i, :, before:n] = each.mel
        mel[i] = _degraded(mel[i], rng)
        weight[i, : n + after] = 1
    embeds = torch.from_numpy(np.stack([each.embed for each in features]))
    phonemes = padded_phonemes([clip.text for clip in clips])
    return RecogniserBatch(torch.from_numpy(mel), phonemes, embeds, torch.from_numpy(weight))


def _degraded(mel: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Change the loudness, blur half of the clips along the bands, add noise and masks.

    The masks are SpecAugment's (D. Park et al., arXiv:1904.08779). mel: [80, T]
    """
    degraded = mel + np.float32(rng.normal(0, LOUDNESS))
    if rng.random() < BLURRED_SHARE:
        cutoff = math.exp(rng.uniform(*np.log(CUTOFFS)))
        gains = 1 / (1 + (np.arange(len(mel)) / cutoff) ** 4)
        degraded = cepstral_scaling(gains).astype(np.float32) @ degraded
    noise = rng.standard_normal(mel.shape, np.float32)
    degraded += np.float32(rng.uniform(0, MAX_NOISE)) * noise
    for _ in range(MASKS):
        band, frame = (int(rng.integers(size)) for size in mel.shape)
        bands, frames = rng.integers(MAX_MASK_WIDTH, size=2)
        degraded[band : band + bands] = MASK_LEVEL
        degraded[:, frame : frame + frames] = MASK_LEVEL
    return degraded.clip(-MEL_FORMAT.max_abs, MEL_FORMAT.max_abs)
