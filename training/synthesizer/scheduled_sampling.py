"""The training pass of Tacotron: teacher forcing with scheduled sampling and frame dropout.

Pure teacher forcing causes exposure bias: the decoder learns to continue true frames rather than to
read, and fails on its own output. So many of its input frames are its own predictions, computed
beforehand in passes without gradients ("Parallel Scheduled Sampling", D. Duckworth et al.,
arXiv:1906.04331), and some are replaced by a constant (P. Liu et al., "Maximizing Mutual
Information for Tacotron", arXiv:1909.01145).

Shapes: B utterances, L characters, T frames, S = T / r decoder steps.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from synthesizer_service.tacotron.attention import Memory
from synthesizer_service.tacotron.model import Decoder, Tacotron
from training.native.fused_rnns import fused_lstm
from training.synthesizer.attention_loop import attend_all
from training.synthesizer.batches import Batch

MEAN_LEVEL = -1.5  # in ±4; about the mean of the mels that the bundled voice was trained on


@dataclass(frozen=True)
class Outputs:
    """mel, refined: [B, 80, T], before and after the postnet. attention: [B, S, L].
    stop: [B, T], the probability that speech has ended. memory: the encoded texts."""

    mel: Tensor
    refined: Tensor | None
    attention: Tensor
    stop: Tensor
    memory: Memory


def forward(
    model: Tacotron, batch: Batch, *, refine: bool, passes: int = 0, frame_dropout: float = 0
) -> Outputs:
    """`Tacotron.forward` with scheduled sampling, with or without the postnet.

    passes: decoder passes that predict frames, as in `predicted_mel`; 0 for none. frame_dropout:
    as in `mix_frames`.

    Convolutions run in bfloat16, which halves their time on a CPU that has it. The decoder's
    products stay in float32: they are small, and conversion costs more than it saves.
    """
    device = batch.mel.device.type
    with torch.autocast(device, torch.bfloat16):
        encoded = model.encoder(batch.chars).float()
    memory = model.memory(batch.chars, encoded, batch.embeds)
    inputs = model.decoder.fed(batch.mel)
    if passes or frame_dropout:
        predicted = predicted_mel(model.decoder, batch.mel, memory, batch.embeds, passes)
        inputs = mix_frames(inputs, model.decoder.fed(predicted), frame_dropout)
    mel, stop, attention = _decode(model.decoder, inputs, memory, batch.embeds)
    refined = _refined(model, mel) if refine else None
    return Outputs(mel, refined, attention.transpose(0, 1), stop, memory)


def free_running(model: Tacotron, memory: Memory, embeds: Tensor, frames: int) -> Tensor:
    """The refined mel of a pass that is fed its own output alone, as at inference: [B, 80, T]

    memory: the encoded texts; frames: T, whole decoder steps. Gradients flow through each step's
    output, not through its input frame; for them the speech is computed a second time, with other
    dropout. The postnet's batch norms count this mel too.
    """
    own = _own_mel(model.decoder, memory, frames)
    mel, _, _ = _decode(model.decoder, model.decoder.fed(own), memory, embeds)
    return _refined(model, mel)


@torch.no_grad()
def _own_mel(decoder: Decoder, memory: Memory, frames: int) -> Tensor:
    """The decoder's mel before the postnet, each step fed the step before: [B, 80, T]"""
    mel_weight, state = decoder.mel_weight(), decoder.start(memory)
    frame = memory.values.new_zeros(len(memory.values), decoder.n_mels)
    mel = []
    for _ in range(frames // int(decoder.r)):
        x, state, _ = decoder.step(frame, state, memory)
        mel.append(F.linear(x, mel_weight).view(len(x), -1, decoder.n_mels))
        frame = mel[-1][:, -1]
    return torch.cat(mel, dim=1).transpose(1, 2)


def _refined(model: Tacotron, mel: Tensor) -> Tensor:
    with torch.autocast(mel.device.type, torch.bfloat16):
        return model.refine(mel).float()


@torch.no_grad()
def predicted_mel(
    decoder: Decoder, mel: Tensor, memory: Memory, embeds: Tensor, passes: int
) -> Tensor:
    """The decoder's mel before the postnet: [B, 80, T] -> [B, 80, T]

    The first pass is fed the true mel, each further one the output of the pass before. 0 passes
    return the true mel.
    """
    for _ in range(passes):
        mel, _, _ = _decode(decoder, decoder.fed(mel), memory, embeds)
    return mel


def mix_frames(true: Tensor, predicted: Tensor, frame_dropout: float) -> Tensor:
    """Mix the decoder's input frames, [S, B, 80] each. Draws from torch's generator.

    Each utterance has its own share of predicted frames, 0 to 1, two thirds on average. Then the
    share `frame_dropout` of all frames becomes MEAN_LEVEL.
    """
    steps, size, _ = true.shape
    uniform = partial(torch.rand, device=true.device)
    mixed = torch.where(uniform(steps, size, 1) < uniform(1, size, 1).sqrt(), predicted, true)
    return mixed.masked_fill(uniform(steps, size, 1) < frame_dropout, MEAN_LEVEL)


def _decode(
    decoder: Decoder, inputs: Tensor, memory: Memory, embeds: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """inputs: [S, B, 80]. Returns mel [B, 80, T], stop [B, T], attention [S, B, L]."""
    device = inputs.device.type
    with torch.autocast(device, torch.bfloat16):
        prenet = decoder.prenet(inputs)
    contexts, hidden, attention = attend_all(decoder, prenet, memory, embeds)
    with torch.autocast(device, torch.bfloat16):
        mel, stop = decoder.speak_all(contexts, hidden, fused_lstm)
    return mel, stop, attention
