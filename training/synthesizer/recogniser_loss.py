"""A listener: a network that tells from a mel what is said, and who says it.

It teaches a synthesizer what an error of the mel does not tell. A consonant that is blurred away is
a small error, and a word lost; the listener hears both (`training.synthesizer.task`).

What is said: phonemes, by CTC (A. Graves et al., ICML 2006). Who: the encoder service's embedding,
learnt from the encoder's own. Both are convolutions, so that on a CPU they cost little beside the
synthesizer.

Shapes: B clips, T frames, H = ceil(T / 2) steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training.data.clips import Clip, ClipFolder
from training.data.phonemes import PHONEMES, phoneme_ids
from training.errors import TrainingError
from training.plots import draw_listening
from training.recipes import ListenerRecipe
from training.run_folder import StateDict
from training.synthesizer.batches import SILENCE
from training.synthesizer.cepstrum import weighted
from training.weights import fill, read_weights, start_from

STRIDE = 2  # frames a step
PHONEME_DIMS, PHONEME_DILATIONS = 256, (1, 1, 2, 2, 4, 4)
VOICE_DIMS, VOICE_DILATIONS = 192, (1, 1, 1)
EMBEDDING = 256
MAX_SILENCE = 16  # frames before a clip

# How rough a clip is made, in the mel's units where nothing else is said.
LOUDNESS = 0.25  # standard deviation
BLURRED = 0.5  # share of the clips
CUTS = (14, 80)  # coefficients of the cepstrum that are kept
NOISE = 0.35  # the most
MASKS = 2  # of bands, and of frames
MAX_MASKED = 9  # bands or frames
MASKED = -2.0  # about the mean level of speech


class _Tower(nn.Module):
    """Convolutions with residuals, half as many steps as frames."""

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
        """mel: [B, 80, T] in ±4. What each layer makes of it: [B, dims, T or H]"""
        x, layers = mel / MEL_FORMAT.max_abs, list[Tensor]()
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            heard = F.relu(norm(conv(x)))
            x = x + F.dropout(heard, self.dropout, self.training) if number >= 2 else heard
            layers.append(x)
        return layers


@dataclass(frozen=True)
class Heard:
    """layers: what the layers of the phonemes' tower made, [B, dims, T or H]. phonemes: [B, H,
    1 + phonemes], logarithms of probabilities, the blank's first. voice: [B, 256], unit length."""

    layers: list[Tensor]
    phonemes: Tensor
    voice: Tensor


class Listener(nn.Module):
    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros(1, dtype=torch.long))
        self.phoneme_tower = _Tower(PHONEME_DIMS, PHONEME_DILATIONS, dropout)
        self.voice_tower = _Tower(VOICE_DIMS, VOICE_DILATIONS, dropout=0.0)
        self.phonemes = nn.Conv1d(PHONEME_DIMS, 1 + len(PHONEMES), 1)
        self.voice = nn.Linear(2 * VOICE_DIMS, EMBEDDING)

    def forward(self, mel: Tensor, weight: Tensor) -> Heard:
        """mel: [B, 80, T] in ±4. weight: [B, T], 1 where there is a clip, 0 in padding."""
        layers = self.layers(mel)
        with torch.autocast(mel.device.type, torch.bfloat16):
            logits = self.phonemes(layers[-1])
            steps = self.voice_tower(mel)[-1]
        steps, share = steps.float(), weight[:, None, ::STRIDE]
        share = share / share.sum(dim=2, keepdim=True)
        mean = (steps * share).sum(dim=2)
        variance = ((steps - mean[..., None]).square() * share).sum(dim=2)
        spread = (variance + 1e-4).sqrt()
        voice = F.normalize(self.voice(torch.cat([mean, spread], dim=1)), dim=1)
        return Heard(layers, logits.float().transpose(1, 2).log_softmax(dim=2), voice)

    def layers(self, mel: Tensor) -> list[Tensor]:
        """As `Heard` has them, without the rest. mel: [B, 80, T] in ±4."""
        with torch.autocast(mel.device.type, torch.bfloat16):
            made: list[Tensor] = self.phoneme_tower(mel)
        return made


def phoneme_loss(heard: Heard, phonemes: Tensor, weight: Tensor) -> Tensor:
    """CTC, a phoneme. phonemes: [B, P], padded with 0. weight: as `Listener.forward` has it."""
    counts, steps = (phonemes > 0).sum(dim=1), -(-weight.sum(dim=1).long() // STRIDE)
    loss = F.ctc_loss(
        heard.phonemes.transpose(0, 1), phonemes, steps, counts,
        reduction="none", zero_infinity=True,
    )  # fmt: skip
    return (loss / counts.clamp(min=1)).mean()


def layers_loss(heard: list[Tensor], true: list[Tensor], weight: Tensor) -> Tensor:
    """How far the layers are from what they make of the true mel: a share of that, their mean."""
    far = []
    for made, goal in zip(heard, true, strict=True):
        counted = weight[:, None, :: 1 if made.shape[2] == weight.shape[1] else STRIDE]
        made, goal = made.float(), goal.float()
        far.append(((made - goal).abs() * counted).sum() / (goal.abs() * counted).sum())
    return torch.stack(far).mean()


def voice_loss(heard: Heard, embeds: Tensor) -> Tensor:
    """1 - cosine. embeds: [B, 256], unit length."""
    return 1 - (heard.voice * embeds).sum(dim=1).mean()


def padded_phonemes(texts: Sequence[str]) -> Tensor:
    """[B, P], padded with 0."""
    ids = [torch.from_numpy(phoneme_ids(text)) for text in texts]
    return nn.utils.rnn.pad_sequence(ids, batch_first=True)


def load_listener(path: Path) -> Listener:
    """As it is in use: it learns nothing. path: as `read_weights` takes it.

    Raises TrainingError, CheckpointError, OSError.
    """
    listener = Listener()
    fill(listener, read_weights(path), path, "give a run of `better train listener`")
    return listener.eval().requires_grad_(False)


@dataclass(frozen=True)
class Listened:
    mel: Tensor  # [B, 80, T], masked and with noise
    phonemes: Tensor  # [B, P]
    embeds: Tensor  # [B, 256]
    weight: Tensor  # [B, T]


class RecogniserTask:
    discriminators = None

    def __init__(
        self,
        data: ClipFolder,
        recipe: ListenerRecipe,
        *,
        start: Path | None = None,
        device: str = "cpu",
    ) -> None:
        """start: weights to begin a new run with, as `read_weights` takes them.

        Raises TrainingError for data without clips; CheckpointError.
        """
        self.recipe, self.pace, self.seed = recipe, recipe.pace, recipe.seed
        self._data, self._device = data, torch.device(device)
        self._clips = [
            clip
            for clip in data.ready(recipe.min_frames, recipe.max_frames)
            if 0 < len(phoneme_ids(clip.text)) < clip.frames / STRIDE
        ]
        if not self._clips:
            raise TrainingError(f"{data.folder} has no clip whose text could be said in its time")
        torch.manual_seed(recipe.seed)
        self.model = Listener(recipe.dropout)
        if start:
            start_from(self.model, start)
        self.model.to(self._device)

    def batch(self, step: int) -> Listened:
        """Clips of like length: a quarter in a row of four times as many."""
        rng = np.random.default_rng([self.recipe.seed, step])
        size = self.recipe.batch
        drawn = [self._clips[i] for i in rng.integers(len(self._clips), size=4 * size)]
        drawn.sort(key=lambda clip: clip.frames)
        at = size * int(rng.integers(4))
        return listened(self._data, drawn[at : at + size], rng)

    def losses(self, batch: Listened, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        mel, phonemes, embeds, weight = (
            each.to(self._device)
            for each in (batch.mel, batch.phonemes, batch.embeds, batch.weight)
        )
        heard = self.model(mel, weight)
        losses = {
            "phonemes": phoneme_loss(heard, phonemes, weight),
            "voice": voice_loss(heard, embeds),
        }
        return torch.stack([*losses.values()]).sum(), losses

    @torch.no_grad()
    def draw(self, average: StateDict, picture: Path) -> None:
        """What is heard in the first clip, and when."""
        model = Listener().eval()
        model.load_state_dict({name: value.cpu() for name, value in average.items()})
        mel = self._data.features(self._clips[0]).mel
        heard = model(torch.from_numpy(mel)[None], torch.ones(1, mel.shape[1]))
        draw_listening(picture, mel=mel, phonemes=heard.phonemes[0].exp().numpy())


def listened(data: ClipFolder, clips: Sequence[Clip], rng: np.random.Generator) -> Listened:
    """The clips side by side, between silences, each made rough."""
    features = [data.features(clip) for clip in clips]
    before, after = int(rng.integers(MAX_SILENCE)), MAX_SILENCE // 2
    frames = before + max(each.mel.shape[1] for each in features) + after
    mel = np.full((len(clips), MEL_FORMAT.n_mels, frames), SILENCE, np.float32)
    weight = np.zeros((len(clips), frames), np.float32)
    for i, each in enumerate(features):
        n = before + each.mel.shape[1]
        mel[i, :, before:n] = each.mel
        mel[i] = _roughened(mel[i], rng)
        weight[i, : n + after] = 1
    embeds = torch.from_numpy(np.stack([each.embed for each in features]))
    phonemes = padded_phonemes([clip.text for clip in clips])
    return Listened(torch.from_numpy(mel), phonemes, embeds, torch.from_numpy(weight))


def _roughened(mel: Float32Array, rng: np.random.Generator) -> Float32Array:
    """Louder or softer, half of them blurred along the bands, with noise and masks (SpecAugment,
    D. Park et al., arXiv:1904.08779), lest all be heard in one clear detail. mel: [80, T]"""
    rough = mel + np.float32(rng.normal(0, LOUDNESS))
    if rng.random() < BLURRED:
        cut = math.exp(rng.uniform(*np.log(CUTS)))
        kept = 1 / (1 + (np.arange(len(mel)) / cut) ** 4)
        rough = weighted(kept).astype(np.float32) @ rough
    noise = rng.standard_normal(mel.shape, np.float32)
    rough += np.float32(rng.uniform(0, NOISE)) * noise
    for _ in range(MASKS):
        band, frame = (int(rng.integers(size)) for size in mel.shape)
        bands, frames = rng.integers(MAX_MASKED, size=2)
        rough[band : band + bands] = MASKED
        rough[:, frame : frame + frames] = MASKED
    return rough.clip(-MEL_FORMAT.max_abs, MEL_FORMAT.max_abs)
