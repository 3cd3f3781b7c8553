"""A synthesizer's mels of the clips, for fine-tuning a vocoder.

At inference a vocoder gets a synthesizer's mels, which are smoother than those of recordings.
Teacher-forced, a mel keeps the recording's timing, so the recording is its target ("ground-truth
aligned"; J. Shen et al., Tacotron 2, arXiv:1712.05884, section 3.1). At inference the decoder is
fed its own output, which blurs the mel further, so some clips get further passes, each fed the
output of the pass before.
"""

from collections.abc import Iterator
from pathlib import Path

import torch

from shared.checkpoints.architectures import infer_architecture
from shared.checkpoints.hparams import hparams_from
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import MAX_LEVEL, Tacotron
from training.data.clips import Clip, ClipFolder
from training.recipes import INFERENCE_DROPOUT, SynthesizerRecipe
from training.synthesizer.batches import FRAMES_BEFORE, make_batch
from training.synthesizer.scheduled_sampling import predicted_mel
from training.weights import read_weights

MAX_PASSES = 3
"""Decoder passes. Clips get 1, 2 and 3 in turn: the vocoder learns little blur and much."""


def add_synthesized(folder: ClipFolder, weights: Path, *, replace: bool = False) -> Iterator[Clip]:
    """Add missing mels, one clip per iteration.

    weights: as `path` in `read_weights`. replace: recompute all, for another synthesizer.

    Raises CheckpointError, TrainingError.
    """
    model, recipe = _load(weights), SynthesizerRecipe()
    for number, clip in enumerate(folder.trainable(recipe.min_frames, recipe.max_frames)):
        if folder.has_synthesized(clip) and not replace:
            continue
        torch.manual_seed(number)  # for the prenets' dropout
        _add(folder, model, clip, passes=1 + number % MAX_PASSES)
        yield clip


def _load(weights: Path) -> Tacotron:
    state = read_weights(weights)
    architecture = infer_architecture("synthesizer", state) | {"dropout": INFERENCE_DROPOUT}
    model = Tacotron(hparams_from(Hparams, architecture))
    model.load_state_dict(state)
    return model.eval()


@torch.no_grad()
def _add(folder: ClipFolder, model: Tacotron, clip: Clip, passes: int) -> None:
    batch = make_batch(folder, [clip], r=int(model.decoder.r))
    memory = model.memory(batch.chars, model.encoder(batch.chars), batch.embeds)
    predicted = predicted_mel(model.decoder, batch.mel, memory, batch.embeds, passes)
    speech = slice(FRAMES_BEFORE, FRAMES_BEFORE + clip.frames)
    mel = model.refine(predicted)[0, :, speech].clamp(-MAX_LEVEL, MAX_LEVEL)
    folder.add_synthesized(clip, mel.numpy())
