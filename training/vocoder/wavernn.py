"""Training the vocoder: WaveRNN, teacher-forced on random windows of the clips.

The loss is the cross-entropy of the next sample's mu-law class. The upsampling filters stay at
their smoothing start: their gradient takes half of a step and brings nothing.
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
from training.data.sound import pre_emphasised
from training.errors import TrainingError
from training.plots import draw_copy
from training.recipes import VocoderRecipe
from training.run_folder import StateDict
from training.synthesizer.fused_gru import FusedGRU
from training.weights import start_from
from vocoder_service.waveform import MEL_MAX
from vocoder_service.wavernn.generation import generate
from vocoder_service.wavernn.hparams import Hparams
from vocoder_service.wavernn.model import WaveRNN
from vocoder_service.wavernn.mu_law import mu_law_labels
from vocoder_service.wavernn.native_engine import engine_for

DRAWN_FRAMES = 160  # 2 s

# A roughened mel: the most that the Gaussian's deviations are that blurs it, and its errors', and
# those of the Gaussian that makes the errors smooth.
BLUR_BANDS, BLUR_FRAMES = 2.0, 1.2
ERRORS = 0.25 / MEL_MAX  # 3 dB
ERRORS_BLUR = (2.0, 1.0)  # bands, frames


@dataclass(frozen=True)
class Windows:
    mel: Tensor  # [B, 80, window + 2 pad] in ±1
    labels: Tensor  # [B, N + 1]: each is the target of those before it


class WaveRNNTask:
    discriminators = None

    def __init__(
        self,
        data: ClipFolder,
        hparams: Hparams,
        recipe: VocoderRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights to begin a new run with, as `read_weights` takes them.

        Raises TrainingError for data without clips, or to be fine-tuned on without mels of a
        synthesizer; CheckpointError.
        """
        self.recipe, self.pace, self.seed = recipe, recipe.pace, recipe.seed
        self._data, self._hparams = data, hparams
        shortest = max(recipe.min_frames, recipe.window + 2 * hparams.pad + 2)
        self._clips = data.ready(shortest, recipe.max_frames)
        if recipe.synthesized and not any(map(data.has_synthesized, self._clips)):
            raise TrainingError(
                f"{data.folder} has no mels of a synthesizer; run `better train features "
                "DATA --synthesizer RUN` first"
            )
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
        """Windows that begin anywhere in any clip; one of long clips as often as of short ones."""
        rng = np.random.default_rng([self.recipe.seed, step])
        chosen = rng.integers(len(self._clips), size=self.recipe.batch)
        mels, labels = zip(*(self._window(self._clips[i], rng) for i in chosen), strict=True)
        return Windows(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(labels)))

    def _window(self, clip: Clip, rng: np.random.Generator) -> tuple[Float32Array, Int64Array]:
        """mel [80, window + 2 pad], labels [N + 1] of the frames in its middle."""
        pad, hop = self._hparams.pad, self._hparams.hop_length
        frames = self.recipe.window + 2 * pad
        at = int(rng.integers(clip.samples // hop - frames))
        true_mels = self.recipe.true_mels if self._from_synthesizer(clip) else 1.0
        chance = rng.random()
        mel = self._mel(clip, synthesized=chance >= true_mels)[:, at : at + frames]
        mel = mel / np.float32(MEL_MAX)
        if chance < true_mels * self.recipe.roughened:
            mel = roughened(mel, rng)
        # The sample before the first one, for the pre-emphasis, is dropped again.
        before = (at + pad) * hop - 1
        wav = self._data.wav(clip, before, self.recipe.window * hop + 2)
        labels = mu_law_labels(pre_emphasised(wav)[1:], self._hparams.bits)
        return mel, labels.astype(np.int64)

    def _mel(self, clip: Clip, *, synthesized: bool) -> Float32Array:
        return self._data.synthesized(clip) if synthesized else self._data.features(clip).mel

    def _from_synthesizer(self, clip: Clip) -> bool:
        return self.recipe.synthesized and self._data.has_synthesized(clip)

    def losses(self, batch: Windows, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        norms_learn = self.model.step.item() < self.recipe.norms_steps
        for norm in self._norms:
            norm.train(norms_learn)
        mel, labels = batch.mel.to(self._device), batch.labels.to(self._device)
        levels = 2 * labels[:, :-1].float() / (self._hparams.classes - 1) - 1
        with torch.autocast(self._device.type, torch.bfloat16):
            logits = self.model(levels, mel)  # [B, N, classes]
        loss = F.cross_entropy(logits.float().flatten(0, 1), labels[:, 1:].flatten())
        return loss, {"loss": loss}

    def draw(self, average: StateDict, picture: Path) -> None:
        """The first clip's beginning, made anew from its mel; as a sound file beside it, too."""
        model = WaveRNN(self._hparams).eval()
        model.load_state_dict({name: value.cpu() for name, value in average.items()})
        clip = self._clips[0]
        mel = self._mel(clip, synthesized=self._from_synthesizer(clip))[:, :DRAWN_FRAMES]
        wav = np.concatenate([*generate(engine_for(model, 1, "float32"), mel, seed=1)])
        draw_copy(picture, wav, target=mel, mel=mel_spectrogram(wav))


def roughened(mel: Float32Array, rng: np.random.Generator) -> Float32Array:
    """As a synthesizer could have made it: blurred, with smooth errors. mel: [80, T] in ±1."""
    blurred = gaussian_filter1d(mel, rng.uniform(0, BLUR_BANDS), axis=0)
    blurred = gaussian_filter1d(blurred, rng.uniform(0, BLUR_FRAMES), axis=1)
    errors = rng.standard_normal(mel.shape)
    for axis, blur in enumerate(ERRORS_BLUR):
        errors = gaussian_filter1d(errors, blur, axis=axis)
    errors *= rng.uniform(0, ERRORS) / errors.std()
    rough: Float32Array = np.clip(blurred + errors, -1, 1).astype(np.float32)
    return rough
