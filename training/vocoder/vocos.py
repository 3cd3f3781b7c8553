"""Training Vocos on windows of speech.

The network learns from spectral losses first, then also against discriminators, with hinge loss and
feature matching. The recipe is HiFi-GAN's (arXiv:2010.05646) with the losses of Vocos
(arXiv:2306.00814). All losses are on pre-emphasised sound, which is the network's output.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import mel_spectrogram
from training.data.clips import ClipFolder
from training.plots import plot_copy
from training.recipes import VocosRecipe
from training.run_folder import StateDict
from training.runtime import half_precision
from training.trainer import Learner
from training.vocoder.discriminators import (
    Discriminators,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    real_half,
)
from training.vocoder.spectral_losses import SpectralLoss
from training.vocoder.speech_windows import SpeechWindows, WindowSampler
from training.weights import load_weights, read_discriminators, start_from
from vocoder_service.vocos.hparams import Hparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.vocos.vocoder import VocosVocoder

PLOTTED_FRAMES = 160  # 2 s


class VocosTask:
    def __init__(
        self,
        data: ClipFolder,
        hparams: Hparams,
        recipe: VocosRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights that a new run begins with, as `path` in `read_weights`; discriminators
        saved with them are loaded too.

        Raises TrainingError for data without clips, or without the synthesizer's mels that the
        recipe asks for, and for weights of another network or size; CheckpointError.
        """
        self.recipe, self.schedule, self.seed = recipe, recipe.schedule, recipe.seed
        self._hparams, self._device = hparams, torch.device(device)
        self._windows = WindowSampler(data, recipe)
        torch.manual_seed(recipe.seed)
        self.model = Vocos(hparams)
        discriminators = Discriminators(recipe.discriminators)
        if start:
            start_from(self.model, start)
            if saved := read_discriminators(start):
                load_weights(discriminators, saved, start, "give other weights")
        self.model.to(self._device)
        self.discriminators = Learner(discriminators.to(self._device), recipe.schedule)
        self._spectral_loss = SpectralLoss().to(self._device)

    def batch(self, step: int) -> SpeechWindows:
        return self._windows.batch(step)

    def losses(self, batch: SpeechWindows, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        mel, real = batch.mel.to(self._device), batch.sound.to(self._device)
        with half_precision(self._device):
            generated = self.model(mel)
        spectra = self._spectral_loss(generated, real)
        total = self.recipe.spectral_weight * spectra
        if self.model.step.item() < self.recipe.adversarial_from:
            return total, {"spectra": spectra}
        verdict, features, losses = self._adversarial_losses(generated, real, step)
        total = total + verdict + self.recipe.feature_weight * features
        return total, {"spectra": spectra, "verdict": verdict, "features": features, **losses}

    def _adversarial_losses(
        self, generated: Tensor, real: Tensor, step: int
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Train the discriminators on a batch, then score the generated sound.

        Returns the adversarial loss, the feature-matching loss, and the discriminators' scalars for
        the log.
        """
        discriminators = self.discriminators.model
        with half_precision(self._device):
            verdicts = discriminators(torch.cat([real, generated.detach()]))
        loss = discriminator_loss(verdicts)
        gradient = self.discriminators.minimise(loss, step)
        discriminators.requires_grad_(False)
        with half_precision(self._device):
            of_generated = discriminators(generated)
        discriminators.requires_grad_(True)
        features = feature_loss(of_generated, real_half(verdicts))
        logged = {"discriminators": loss, "discriminators_gradient": gradient}
        return adversarial_loss(of_generated), features, logged

    def plot(self, average: StateDict, file: Path) -> None:
        """Plot a copy of the first clip's start, with a sound file beside it."""
        model = Vocos(self._hparams).eval()
        model.load_state_dict({name: value.cpu() for name, value in average.items()})
        mel = self._windows.example(PLOTTED_FRAMES)
        wav = np.concatenate([*VocosVocoder(model).generate(mel)])
        plot_copy(file, wav, target=mel, mel=mel_spectrogram(wav))
