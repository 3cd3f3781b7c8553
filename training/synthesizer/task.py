"""Training the synthesizer, Tacotron.

The losses are L1 + L2 on the mels before and after the postnet, weighted in the cepstrum;
cross-entropy on the stop token; and guided attention, which favours the diagonal (H. Tachibana et
al., "Efficiently Trainable Text-to-Speech System Based on Deep Convolutional Networks with Guided
Attention", arXiv:1710.08969) and aligns text and speech within 150 steps. The decoder's input uses
scheduled sampling.

A small error of the mel may still lose a consonant. With a phoneme recogniser (`recogniser_loss`),
its layers should respond to the refined mel as to the true one ("perceptual loss": J. Johnson et
al., arXiv:1603.08155), and it should recognise the text's phonemes and the voice.

A true frame tells the voice of the next, so a teacher-forced network hardly needs the embedding.
With an encoder and a Vocos (`speaker_consistency`), free-running speech should have the embedding's
voice and, with a recogniser, the text's phonemes.
"""

from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from synthesizer_service.tacotron.attention import Memory
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import MAX_R, Tacotron
from synthesizer_service.text import ids_to_text
from training import TrainingError
from training.data.clips import ClipFolder
from training.native.fused_rnns import FusedGRU
from training.plots import plot_synthesis
from training.recipes import INFERENCE_DROPOUT, SynthesizerRecipe
from training.run_folder import RunFolder, StateDict
from training.synthesizer.batches import SILENCE, Batch, Batches
from training.synthesizer.cepstral_loss import CepstralLoss
from training.synthesizer.recogniser_loss import (
    PhonemeRecogniser,
    feature_loss,
    load_recogniser,
    padded_phonemes,
    phoneme_loss,
    voice_loss,
)
from training.synthesizer.scheduled_sampling import forward, free_running
from training.synthesizer.speaker_consistency import SpeakerConsistency
from training.weights import read_weights, start_from

NOISE = 0.1
"""Standard deviation in ±4 of noise added to what the frozen networks hear, against adversarial
mels."""


class SynthesizerTask:
    discriminators = None

    def __init__(
        self,
        data: ClipFolder,
        hparams: Hparams,
        recipe: SynthesizerRecipe,
        *,
        start: Path | None = None,
        recogniser: Path | None = None,
        speaker_checkpoints: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights that a new run begins with, as `path` in `read_weights`. recogniser: a run
        of `RecogniserTask` for the recogniser losses. speaker_checkpoints: the folder of an encoder
        and a Vocos for the speaker-consistency loss. With either, the postnet is trained from the
        first step.

        Raises TrainingError for data with too few clips; CheckpointError.
        """
        self.recipe, self.schedule, self.seed = recipe, recipe.schedule, recipe.seed
        self.batch = Batches(data, recipe)
        self._device = torch.device(device)
        torch.manual_seed(recipe.seed)
        self.model = Tacotron(hparams)
        if start:
            start_from(self.model, start)
        self.model.decoder.r.fill_(recipe.r)
        self.model.encoder.pre_net.dropout = recipe.encoder_dropout
        self.model.decoder.prenet.dropout = recipe.decoder_dropout
        self._mel_loss = CepstralLoss(recipe.lifter).to(self._device)
        if self._device.type == "cpu":
            for cbhg in (self.model.encoder.cbhg, self.model.postnet):
                cbhg.rnn = FusedGRU.of(cbhg.rnn)
        self.model.to(self._device)
        self._recogniser = load_recogniser(recogniser).to(self._device) if recogniser else None
        self._speaker_loss = None
        if speaker_checkpoints:
            self._speaker_loss = SpeakerConsistency(speaker_checkpoints).to(self._device)

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batch.to(self._device)
        recipe = self.recipe
        self.model.decoder.r.fill_(recipe.r)  # the run may have begun with another
        outputs = forward(
            self.model,
            batch,
            refine=self._trains_postnet(step),
            passes=recipe.sampling_passes if self._is_after(recipe.sampling_from, step) else 0,
            frame_dropout=recipe.frame_dropout,
        )
        frames = batch.weight.sum()
        losses = {"mel": self._mel_loss(outputs.mel, batch.mel, batch.weight)}
        if outputs.refined is not None:
            losses["post"] = self._mel_loss(outputs.refined, batch.mel, batch.weight)
            if self._recogniser:
                losses |= self._recogniser_losses(self._recogniser, outputs.refined, batch)
        if self._speaker_loss:
            losses |= self._free_running_losses(self._speaker_loss, outputs.memory, batch)
        stop = F.binary_cross_entropy(outputs.stop, batch.stop, reduction="none")
        losses["stop"] = (stop * batch.weight).sum() / frames
        losses["guide"] = (outputs.attention * batch.far).sum() / (frames / recipe.r)
        total = torch.stack([self._weight(name) * loss for name, loss in losses.items()]).sum()
        focus = outputs.attention.detach().amax(dim=2).mean()
        return total, {**losses, "focus": focus}

    def _trains_postnet(self, step: int) -> bool:
        needed = self._recogniser is not None or self._speaker_loss is not None
        return needed or self._is_after(self.recipe.postnet_from, step)

    def _is_after(self, share: float, step: int) -> bool:
        return step >= share * self.schedule.steps

    def _weight(self, loss: str) -> float:
        recipe = self.recipe
        return {
            "guide": recipe.guide_weight,
            "phonemes": recipe.phoneme_weight,
            "layers": recipe.feature_weight,
            "voice": recipe.voice_weight,
            "own_phonemes": recipe.phoneme_weight,
            "speaker": recipe.speaker_weight,
        }.get(loss, 1.0)

    def _recogniser_losses(
        self, recogniser: PhonemeRecogniser, refined: Tensor, batch: Batch
    ) -> dict[str, Tensor]:
        padding = batch.weight[:, None] == 0
        noise = NOISE * torch.randn_like(refined)
        output = recogniser((refined + noise).masked_fill(padding, SILENCE), batch.weight)
        with torch.no_grad():
            target = recogniser.layers((batch.mel + noise).masked_fill(padding, SILENCE))
        return {
            "phonemes": phoneme_loss(output, _phonemes_of(batch), batch.weight),
            "layers": feature_loss(output.layers, target, batch.weight),
            "voice": voice_loss(output, batch.embeds),
        }

    def _free_running_losses(
        self, speaker_loss: SpeakerConsistency, memory: Memory, batch: Batch
    ) -> dict[str, Tensor]:
        refined = free_running(self.model, memory, batch.embeds, batch.mel.shape[2])
        noisy = refined + NOISE * torch.randn_like(refined)
        losses = {"speaker": speaker_loss(noisy, batch.weight, batch.embeds)}
        if self._recogniser:
            padding = batch.weight[:, None] == 0
            output = self._recogniser(noisy.masked_fill(padding, SILENCE), batch.weight)
            losses["own_phonemes"] = phoneme_loss(output, _phonemes_of(batch), batch.weight)
        return losses

    @torch.no_grad()
    def plot(self, average: StateDict, file: Path) -> None:
        """Plot the first utterance of the first batch, teacher-forced."""
        hparams = replace(self.model.hparams, dropout=INFERENCE_DROPOUT)
        model = Tacotron(hparams).to(self._device).eval()
        model.load_state_dict(average)
        batch = self.batch(0).to(self._device)
        outputs = forward(model, batch, refine=True)
        assert outputs.refined is not None
        steps = int(batch.weight[0].sum()) // self.recipe.r
        frames, characters = steps * self.recipe.r, int((batch.chars[0] != 0).sum())
        plot_synthesis(
            file,
            target=batch.mel[0, :, :frames].cpu().numpy(),
            mel=outputs.refined[0, :, :frames].cpu().numpy(),
            attention=outputs.attention[0, :steps, :characters].cpu().numpy(),
        )


def _phonemes_of(batch: Batch) -> Tensor:
    """[B, P], padded with 0."""
    phonemes = padded_phonemes([ids_to_text(row) for row in batch.chars.tolist()])
    return phonemes.to(batch.chars.device)


def frames_per_step(run: RunFolder, start: Path | None) -> int:
    """The saved run's `r`, else that of the weights it starts from, else the recipe's.

    Raises TrainingError, CheckpointError.
    """
    saved = run.load()
    weights = saved.learner.model if saved else read_weights(start) if start else {}
    r = weights.get("decoder.r", torch.tensor(SynthesizerRecipe.r))
    if r.numel() != 1 or not 1 <= r.item() <= MAX_R:
        raise TrainingError(f"decoder.r is {r.tolist()}, must be 1 to {MAX_R}; give --r")
    return int(r)
