"""Training WaveRNN, teacher-forced on random windows of the clips.

The loss is the cross-entropy of the next sample's mu-law class. The upsampling filters keep their
smoothing initialisation: their gradient takes half of a step's time without benefit.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from shared.audio.mel import mel_spectrogram
from shared.http.tensors import Float32Array, Int64Array
from training.data.clips import Clip, ClipFolder
from training.data.waveforms import pre_emphasised
from training.native.fused_rnns import FusedGRU
from training.plots import plot_copy
from training.recipes import WaveRNNRecipe
from training.run_folder import StateDict
from training.weights import start_from
from vocoder_service.waveform import MEL_MAX
from vocoder_service.wavernn.generation import generate
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import mu_law_labels
from vocoder_service.wavernn.native_engine import engine_for

PLOTTED_FRAMES = 160  # 2 s

# Degradation of a mel: a Gaussian blur, and errors that are smoothed by another one.
MAX_BLUR_BANDS, MAX_BLUR_FRAMES = 2.0, 1.2  # standard deviations
MAX_ERROR = 0.25 / MEL_MAX  # standard deviation, 3 dB
ERROR_BLUR = (2.0, 1.0)  # standard deviations in bands and frames


@dataclass(frozen=True)
class Windows:
    mel: Tensor  # [B, 80, window + 2 pad] in ±1
    labels: Tensor  # [B, N + 1]: each class is the target of those before it


class WaveRNNTask:
    discriminators = None

    def __init__(
        self,
        data: ClipFolder,
        hparams: Hparams,
        recipe: WaveRNNRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights that a new run begins with, as `path` in `read_weights`.

        Raises TrainingError for data without clips, or without the synthesizer's mels that the
        recipe asks for; CheckpointError.
        """
        self.recipe, self.schedule, self.seed = recipe, recipe.schedule, recipe.seed
        self._data, self._hparams = data, hparams
        min_frames = max(recipe.min_frames, recipe.window + 2 * hparams.pad + 2)
        self._clips = data.trainable(min_frames, recipe.max_frames)
        if recipe.synthesized:
            data.require_synthesized(self._clips)
        self._device = torch.device(device)
        torch.manual_seed(recipe.seed)
        self.model = WaveRNN(hparams)
        if start:
            start_from(self.model, start)
        self.model.upsample.up_layers.requires_grad_(False)
        self._norms = [m for m in self.model.modules() if isinstance(m, nn.BatchNorm1d)]
        if self._device.type == "cpu":
            for name in ("rnn1", "rnn2"):
                setattr(self.model, name, FusedGRU.of(getattr(self.model, name)))
        self.model.to(self._device)

    def batch(self, step: int) -> Windows:
        """The batch of a step. Every clip is equally likely, long or short."""
        rng = np.random.default_rng([self.recipe.seed, step])
        chosen = rng.integers(len(self._clips), size=self.recipe.batch)
        mels, labels = zip(*(self._window(self._clips[i], rng) for i in chosen), strict=True)
        return Windows(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(labels)))

    def _window(self, clip: Clip, rng: np.random.Generator) -> tuple[Float32Array, Int64Array]:
        """mel [80, window + 2 pad], labels [N + 1] of the middle frames."""
        pad, hop = self._hparams.pad, self._hparams.hop_length
        frames = self.recipe.window + 2 * pad
        at = int(rng.integers(clip.samples // hop - frames))
        true_mel_share = self.recipe.true_mel_share if self._uses_synthesizer(clip) else 1.0
        draw = rng.random()
        mel = self._mel(clip, synthesized=draw >= true_mel_share)[:, at : at + frames]
        mel = mel / np.float32(MEL_MAX)
        if draw < true_mel_share * self.recipe.degraded_share:
            mel = degraded(mel, rng)
        # One sample more at the front, for the pre-emphasis; it is dropped again.
        before = (at + pad) * hop - 1
        wav = self._data.wav(clip, before, self.recipe.window * hop + 2)
        labels = mu_law_labels(pre_emphasised(wav)[1:], self._hparams.bits)
        return mel, labels.astype(np.int64)

    def _mel(self, clip: Clip, *, synthesized: bool) -> Float32Array:
        return self._data.synthesized(clip) if synthesized else self._data.features(clip).mel

    def _uses_synthesizer(self, clip: Clip) -> bool:
        return self.recipe.synthesized and self._data.has_synthesized(clip)

    def losses(self, batch: Windows, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        norms_train = self.model.step.item() < self.recipe.norm_steps
        for norm in self._norms:
            norm.train(norms_train)
        mel, labels = batch.mel.to(self._device), batch.labels.to(self._device)
        levels = 2 * labels[:, :-1].float() / (self._hparams.classes - 1) - 1
        with torch.autocast(self._device.type, torch.bfloat16):
            logits = self.model(levels, mel)  # [B, N, classes]
        loss = F.cross_entropy(logits.float().flatten(0, 1), labels[:, 1:].flatten())
        return loss, {"loss": loss}

    def plot(self, average: StateDict, file: Path) -> None:
        """Plot a copy of the first clip's start, with a sound file beside it."""
        model = WaveRNN(self._hparams).eval()
        model.load_state_dict({name: value.cpu() for name, value in average.items()})
        clip = self._clips[0]
        mel = self._mel(clip, synthesized=self._uses_synthesizer(clip))[:, :PLOTTED_FRAMES]
        wav = np.concatenate([*generate(engine_for(model, 1, "float32"), mel, seed=1)])
        plot_copy(file, wav, target=mel, mel=mel_spectrogram(wav))


def degraded(mel: Float32Array, rng: np.random.Generator) -> Float32Array:
    """The mel as a synthesizer might predict it: blurred, with smooth errors. mel: [80, T] in
    ±1."""
    blurred = gaussian_filter1d(mel, rng.uniform(0, MAX_BLUR_BANDS), axis=0)
    blurred = gaussian_filter1d(blurred, rng.uniform(0, MAX_BLUR_FRAMES), axis=1)
    errors = rng.standard_normal(mel.shape)
    for axis, blur in enumerate(ERROR_BLUR):
        errors = gaussian_filter1d(errors, blur, axis=axis)
    errors *= rng.uniform(0, MAX_ERROR) / errors.std()
    rough: Float32Array = np.clip(blurred + errors, -1, 1).astype(np.float32)
    return rough
