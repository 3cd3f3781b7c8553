"""Training the synthesizer: Tacotron, fed true frames and its own.

The loss is L1 + L2 on the mels before and after the postnet, weighted by the error's cepstrum,
cross-entropy on the stop token, and a guide that draws the attention to the diagonal (H. Tachibana
et al., "Efficiently Trainable Text-to-Speech System Based on Deep Convolutional Networks with
Guided Attention", arXiv:1710.08969), which aligns text and speech within 150 steps.

Fed nothing but true frames, a decoder learns to go on from them more than to read, and fails where
it is fed its own. So it is fed many of its own in training, made beforehand from the true ones in
passes without gradients ("scheduled sampling", all steps at once: D. Duckworth et al., "Parallel
Scheduled Sampling", arXiv:1906.04331), and now and then a frame that tells nothing (P. Liu et al.,
"Maximizing Mutual Information for Tacotron", arXiv:1909.01145).

Even so, a small error of the mel may be a lost consonant. With a listener (`recogniser_loss`),
its layers are to make of the refined mel what they make of the true one ("perceptual loss": J.
Johnson et al., arXiv:1603.08155), and it is to hear the text's phonemes and the voice.

Shapes: B utterances, L characters, T frames, S = T / r decoder steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from synthesizer_service.tacotron.attention import Memory
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import MAX_R, Decoder, Tacotron
from synthesizer_service.text import ids_to_text
from training.data.clips import ClipFolder
from training.errors import TrainingError
from training.plots import draw_synthesis
from training.recipes import SPEAKING_DROPOUT, SynthesizerRecipe
from training.run_folder import RunFolder, StateDict
from training.synthesizer.attention_loop import attend_all
from training.synthesizer.batches import SILENCE, Batch, Batches
from training.synthesizer.cepstrum import weighted
from training.synthesizer.fused_gru import FusedGRU
from training.synthesizer.fused_lstm import run
from training.synthesizer.recogniser_loss import (
    Listener,
    layers_loss,
    load_listener,
    padded_phonemes,
    phoneme_loss,
    voice_loss,
)
from training.weights import read_weights, start_from

MEAN_LEVEL = -1.5  # in ±4: about that of all bands of all frames of the bundled voice's training
LISTENERS_NOISE = 0.1
"""In ±4, standard deviation: lest a listener be deceived by next to nothing."""


@dataclass(frozen=True)
class Outputs:
    """mel, refined: [B, 80, T], before and after the postnet. attention: [B, S, L].
    stop: [B, T], the probability that speech has ended."""

    mel: Tensor
    refined: Tensor | None
    attention: Tensor
    stop: Tensor


class SynthesizerTask:
    discriminators = None

    def __init__(
        self,
        data: ClipFolder,
        hparams: Hparams,
        recipe: SynthesizerRecipe,
        *,
        start: Path | None = None,
        listener: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights to begin a new run with, as `read_weights` takes them. listener: a
        run of a `RecogniserTask`, which judges what the postnet makes; the postnet is then trained
        from the first step on.

        Raises TrainingError where the data has too few clips; CheckpointError.
        """
        self.recipe, self.pace, self.seed = recipe, recipe.pace, recipe.seed
        self.batch = Batches(data, recipe)
        self._device = torch.device(device)
        torch.manual_seed(recipe.seed)
        self.model = Tacotron(hparams)
        if start:
            start_from(self.model, start)
        self.model.decoder.r.fill_(recipe.r)
        self.model.encoder.pre_net.dropout = recipe.encoder_dropout
        self.model.decoder.prenet.dropout = recipe.decoder_dropout
        self._liftering = liftering(recipe.lifter).to(self._device)
        if self._device.type == "cpu":
            for cbhg in (self.model.encoder.cbhg, self.model.postnet):
                cbhg.rnn = FusedGRU.of(cbhg.rnn)
        self.model.to(self._device)
        self._listener = load_listener(listener).to(self._device) if listener else None

    def losses(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        batch = batch.to(self._device)
        self.model.decoder.r.fill_(self.recipe.r)  # the run may have begun with another
        trained = step >= self.recipe.postnet_from * self.pace.steps
        refine = trained or self._listener is not None
        own = self.recipe.own_passes if step >= self.recipe.own_from * self.pace.steps else 0
        outputs = forward(self.model, batch, refine=refine, own=own, withheld=self.recipe.withheld)
        frames = batch.weight.sum()
        losses = {"mel": self._mel_loss(outputs.mel, batch)}
        if outputs.refined is not None:
            losses["post"] = self._mel_loss(outputs.refined, batch)
            if self._listener:
                losses |= self._heard(self._listener, outputs.refined, batch)
        stop = F.binary_cross_entropy(outputs.stop, batch.stop, reduction="none")
        losses["stop"] = (stop * batch.weight).sum() / frames
        losses["guide"] = (outputs.attention * batch.far).sum() / (frames / self.recipe.r)
        total = torch.stack([self._weight(name) * loss for name, loss in losses.items()]).sum()
        focus = outputs.attention.detach().amax(dim=2).mean()
        return total, {**losses, "focus": focus}

    def _weight(self, loss: str) -> float:
        recipe = self.recipe
        return {
            "guide": recipe.guide,
            "phonemes": recipe.phonemes,
            "layers": recipe.layers,
            "voice": recipe.voice,
        }.get(loss, 1.0)

    def _mel_loss(self, mel: Tensor, batch: Batch) -> Tensor:
        error = torch.matmul(self._liftering, mel - batch.mel)
        each = (error.square() + error.abs()).mean(dim=1)  # [B, T]
        return (each * batch.weight).sum() / batch.weight.sum()

    def _heard(self, listener: Listener, refined: Tensor, batch: Batch) -> dict[str, Tensor]:
        padding = batch.weight[:, None] == 0
        noise = LISTENERS_NOISE * torch.randn_like(refined)
        heard = listener((refined + noise).masked_fill(padding, SILENCE), batch.weight)
        with torch.no_grad():
            true = listener.layers((batch.mel + noise).masked_fill(padding, SILENCE))
        phonemes = padded_phonemes([ids_to_text(row) for row in batch.chars.tolist()])
        phonemes = phonemes.to(refined.device)
        return {
            "phonemes": phoneme_loss(heard, phonemes, batch.weight),
            "layers": layers_loss(heard.layers, true, batch.weight),
            "voice": voice_loss(heard, batch.embeds),
        }

    @torch.no_grad()
    def draw(self, average: StateDict, picture: Path) -> None:
        hparams = replace(self.model.hparams, dropout=SPEAKING_DROPOUT)
        model = Tacotron(hparams).to(self._device).eval()
        model.load_state_dict(average)
        batch = self.batch(0).to(self._device)
        outputs = forward(model, batch, refine=True)
        assert outputs.refined is not None
        steps = int(batch.weight[0].sum()) // self.recipe.r
        frames, characters = steps * self.recipe.r, int((batch.chars[0] != 0).sum())
        draw_synthesis(
            picture,
            target=batch.mel[0, :, :frames].cpu().numpy(),
            mel=outputs.refined[0, :, :frames].cpu().numpy(),
            attention=outputs.attention[0, :steps, :characters].cpu().numpy(),
        )


def forward(
    model: Tacotron, batch: Batch, *, refine: bool, own: int = 0, withheld: float = 0
) -> Outputs:
    """`Tacotron.forward` with or without the postnet.

    own: number of passes that make the decoder's own frames, the first from true ones, each further
    one from those of the pass before; 0 for none. withheld: as `mix_frames` has it.

    The convolutions' products are in bfloat16, halving their time on a CPU that has it. The
    decoder's stay in float32: they are small, and converting them costs more than they gain.
    """
    device = batch.mel.device.type
    with torch.autocast(device, torch.bfloat16):
        encoded = model.encoder(batch.chars).float()
    memory = model.memory(batch.chars, encoded, batch.embeds)
    fed = model.decoder.fed(batch.mel)
    if own or withheld:
        made = own_mel(model.decoder, batch.mel, memory, batch.embeds, own)
        fed = mix_frames(fed, model.decoder.fed(made), withheld)
    decoded, stop, attention = _decode(model.decoder, fed, memory, batch.embeds)
    refined = None
    if refine:
        with torch.autocast(device, torch.bfloat16):
            refined = model.refine(decoded).float()
    return Outputs(decoded, refined, attention.transpose(0, 1), stop)


@torch.no_grad()
def own_mel(decoder: Decoder, mel: Tensor, memory: Memory, embeds: Tensor, passes: int) -> Tensor:
    """[B, 80, T] -> [B, 80, T], before the postnet: the decoder fed with the true mel, then with
    what it made, `passes` times in all; with 0 the true mel."""
    for _ in range(passes):
        mel, _, _ = _decode(decoder, decoder.fed(mel), memory, embeds)
    return mel


def liftering(lifter: Sequence[tuple[int, float]]) -> Tensor:
    """What an error [n, T] is multiplied by from the left: [n, n].

    The product's sum of squares is that of the error's cepstrum (the orthonormal DCT over the
    bands), each square times its weight in `lifter`, whose counts sum to n.
    """
    counts, weights = zip(*lifter, strict=True)
    return torch.from_numpy(weighted(np.sqrt(np.repeat(weights, counts)))).float()


def mix_frames(true: Tensor, own: Tensor, withheld: float) -> Tensor:
    """What the decoder's steps are fed: [S, B, 80] each.

    Of each utterance's frames another share, 0 to 1, two thirds on average, comes from `own`; then
    the share `withheld` of all becomes MEAN_LEVEL. Draws from torch's generator.
    """
    steps, size, _ = true.shape
    chance = partial(torch.rand, device=true.device)
    mixed = torch.where(chance(steps, size, 1) < chance(1, size, 1).sqrt(), own, true)
    return mixed.masked_fill(chance(steps, size, 1) < withheld, MEAN_LEVEL)


def _decode(
    decoder: Decoder, fed: Tensor, memory: Memory, embeds: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """fed: [S, B, 80]. Returns mel [B, 80, T], stop [B, T], attention [S, B, L]."""
    device = fed.device.type
    with torch.autocast(device, torch.bfloat16):
        prenet = decoder.prenet(fed)
    contexts, hidden, attention = attend_all(decoder, prenet, memory, embeds)
    with torch.autocast(device, torch.bfloat16):
        decoded, stop = decoder.speak_all(contexts, hidden, run)
    return decoded, stop, attention


def frames_a_step(run: RunFolder, start: Path | None) -> int:
    """The `r` that the run has, else the weights that it starts with, else the recipe's.

    Raises TrainingError, CheckpointError.
    """
    saved = run.load()
    weights = saved.learner.model if saved else read_weights(start) if start else {}
    r = weights.get("decoder.r", torch.tensor(SynthesizerRecipe.r))
    if r.numel() != 1 or not 1 <= r.item() <= MAX_R:
        raise TrainingError(f"decoder.r is {r.tolist()}, must be 1 to {MAX_R}; give --r")
    return int(r)
