"""Training the vocoder Vocos on windows of speech.

It learns from spectra first, then also against discriminators: the hinge loss, and the match of
the discriminators' features. The recipe is HiFi-GAN's (arXiv:2010.05646) with the losses of Vocos
(arXiv:2306.00814). All of it is about pre-emphasised sound, which is what the network makes.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import mel_spectrogram
from training.data.clips import ClipFolder
from training.half_precision import half_precision
from training.plots import draw_copy
from training.recipes import VocosRecipe
from training.run_folder import StateDict
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
from training.weights import fill, read_discriminators, start_from
from vocoder_service.vocos.hparams import Hparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.vocos.vocoder import VocosVocoder

DRAWN_FRAMES = 160  # 2 s


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
        """start: weights to begin a new run with, as `read_weights` takes them; their
        discriminators come with them where they are kept.

        Raises TrainingError for data without clips, or to be fine-tuned on without mels of a
        synthesizer, and for weights of another network or size; CheckpointError.
        """
        self.recipe, self.pace, self.seed = recipe, recipe.pace, recipe.seed
        self._hparams, self._device = hparams, torch.device(device)
        self._windows = WindowSampler(data, recipe)
        torch.manual_seed(recipe.seed)
        self.model = Vocos(hparams)
        against = Discriminators(recipe.discriminators)
        if start:
            start_from(self.model, start)
            if kept := read_discriminators(start):
                fill(against, kept, start, "give other weights")
        self.model.to(self._device)
        self.discriminators = Learner(against.to(self._device), recipe.pace)
        self._spectral_loss = SpectralLoss().to(self._device)

    def batch(self, step: int) -> SpeechWindows:
        return self._windows.batch(step)

    def losses(self, batch: SpeechWindows, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        mel, real = batch.mel.to(self._device), batch.sound.to(self._device)
        with half_precision(self._device):
            made = self.model(mel)
        spectra = self._spectral_loss(made, real)
        total = self.recipe.spectra * spectra
        if self.model.step.item() < self.recipe.adversarial_from:
            return total, {"spectra": spectra}
        verdict, features, losses = self._contest(made, real, step)
        total = total + verdict + self.recipe.features * features
        return total, {"spectra": spectra, "verdict": verdict, "features": features, **losses}

    def _contest(
        self, made: Tensor, real: Tensor, step: int
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Train the discriminators, then see what they make of the made sound.

        Returns the model's adversarial loss, its loss of the features, and what is logged of the
        discriminators.
        """
        judges = self.discriminators.model
        with half_precision(self._device):
            verdicts = judges(torch.cat([real, made.detach()]))
        loss = discriminator_loss(verdicts)
        gradient = self.discriminators.descend(loss, step)
        judges.requires_grad_(False)
        with half_precision(self._device):
            of_made = judges(made)
        judges.requires_grad_(True)
        features = feature_loss(of_made, real_half(verdicts))
        logged = {"discriminators": loss, "discriminators_gradient": gradient}
        return adversarial_loss(of_made), features, logged

    def draw(self, average: StateDict, picture: Path) -> None:
        """The first clip's beginning, made anew from its mel; as a sound file beside it, too."""
        model = Vocos(self._hparams).eval()
        model.load_state_dict({name: value.cpu() for name, value in average.items()})
        mel = self._windows.example(DRAWN_FRAMES)
        wav = np.concatenate([*VocosVocoder(model).generate(mel)])
        draw_copy(picture, wav, target=mel, mel=mel_spectrogram(wav))
