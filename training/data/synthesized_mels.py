"""The synthesizer's own mels of the clips, for fine-tuning the vocoder.

In use, the vocoder gets mels that are smoother than those of recordings. Teacher-forced, a mel of
the synthesizer keeps the recording's timing, so that the recording is what it should sound like
("ground-truth aligned"; J. Shen et al., Tacotron 2, arXiv:1712.05884, section 3.1). In use, the
decoder goes on from its own frames, which blurs the mel further. So some clips get further passes,
each fed what the pass before made; the recording stays what it should sound like.
"""

from collections.abc import Iterator
from pathlib import Path

import torch

from shared.checkpoints.architectures import infer_architecture
from shared.checkpoints.hparams import hparams_from
from synthesizer_service.tacotron.hparams import Hparams
from synthesizer_service.tacotron.model import MAX_LEVEL, Tacotron
from training.data.clips import Clip, ClipFolder
from training.recipes import SPEAKING_DROPOUT, SynthesizerRecipe
from training.synthesizer.batches import FRAMES_BEFORE, utterances
from training.synthesizer.task import own_mel
from training.weights import read_weights

MAX_PASSES = 3
"""Of the decoder. Clips get 1, 2 and 3 in turn, so that the vocoder learns little blur and much."""


def add_synthesized(folder: ClipFolder, weights: Path, *, replace: bool = False) -> Iterator[Clip]:
    """Mels of the clips that have none, one by one as they are asked for.

    weights: as `read_weights` takes them. replace: make all anew, for another synthesizer.

    Raises CheckpointError, TrainingError.
    """
    model, recipe = _load(weights), SynthesizerRecipe()
    for number, clip in enumerate(folder.ready(recipe.min_frames, recipe.max_frames)):
        if folder.has_synthesized(clip) and not replace:
            continue
        torch.manual_seed(number)  # of the prenets' dropout
        _add(folder, model, clip, passes=1 + number % MAX_PASSES)
        yield clip


def _load(weights: Path) -> Tacotron:
    state = read_weights(weights)
    architecture = infer_architecture("synthesizer", state) | {"dropout": SPEAKING_DROPOUT}
    model = Tacotron(hparams_from(Hparams, architecture))
    model.load_state_dict(state)
    return model.eval()


@torch.no_grad()
def _add(folder: ClipFolder, model: Tacotron, clip: Clip, passes: int) -> None:
    batch = utterances(folder, [clip], r=int(model.decoder.r))
    memory = model.memory(batch.chars, model.encoder(batch.chars), batch.embeds)
    made = own_mel(model.decoder, batch.mel, memory, batch.embeds, passes)
    spoken = slice(FRAMES_BEFORE, FRAMES_BEFORE + clip.frames)
    mel = model.refine(made)[0, :, spoken].clamp(-MAX_LEVEL, MAX_LEVEL)
    folder.add_synthesized(clip, mel.numpy())
