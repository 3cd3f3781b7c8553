"""Tacotron with SV2TTS's speaker conditioning: characters and a voice in, a mel spectrogram out.

Y. Wang et al., "Tacotron: Towards End-to-End Speech Synthesis", arXiv:1703.10135.
J. Chorowski et al., "Attention-Based Models for Speech Recognition", arXiv:1506.07503.
J. Shen et al., "Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions"
(Tacotron 2), arXiv:1712.05884.
Y. Jia et al., "Transfer Learning from Speaker Verification to Multispeaker Text-To-Speech
Synthesis" (SV2TTS), arXiv:1806.04558.

Parameter names, shapes and numbers are those of RTVC's `synthesizer/models/tacotron.py`, and so are
the differences from Tacotron: Tacotron 2's stop token and location-sensitive attention, LSTMs as
the decoder's residual layers, the speaker's embedding beside every encoded character.

Differences from RTVC:
- Each utterance of a batch is generated as if it were alone, to the last bit. Batched products
  round differently, and the feedback of frames grows that to 1e-3 within a hundred steps.
- The prenets' dropout draws from a generator that comes with the utterance.
- Padding gets no attention; RTVC gives it an energy of zero.
- Training runs the residual LSTMs over the whole sequence at once, with dropout on their outputs
  in the place of zoneout.

Letters in shapes: B utterances, L characters, S decoder steps, r frames a step, T = S * r frames,
E dimensions of an encoded character with the speaker beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from shared.audio.mel import MEL_FORMAT
from synthesizer_service.tacotron.attention import LocationSensitiveAttention, Memory
from synthesizer_service.tacotron.cbhg import CBHG
from synthesizer_service.tacotron.hparams import Hparams

PADDING = 0  # the character that fills the shorter rows of a batch
MAX_R = 20  # frames a step that `mel_proj` has weights for; the first r are used
STOP_AFTER = 10  # frames; a stop token in the steps that begin before is not believed
MAX_LEVEL = MEL_FORMAT.max_abs
RESIDUAL_DROPOUT = 0.05  # in training


@dataclass(frozen=True)
class Generated:
    """What came of each utterance of a batch."""

    mels: list[Tensor]
    """[80, T] each, float32 in ±4."""
    attention: list[Tensor]
    """[S, L] each: what each step read; a row sums to one."""
    stopped: list[bool]
    """False where the frames ran out before the stop token came."""


def run_lstm(cell: nn.LSTMCell, x: Tensor) -> Tensor:
    """The cell over a sequence, from zeros: [S, B, dims] -> [S, B, dims]"""
    zeros = x.new_zeros(1, x.shape[1], cell.hidden_size)
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    return torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, cell.training, False, False)[0]


RunLSTM = Callable[[nn.LSTMCell, Tensor], Tensor]


class PreNet(nn.Module):
    """Two layers whose dropout is never off (Tacotron 2, section 2.2)."""

    def __init__(self, in_dims: int, dims: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_dims, dims)
        self.fc2 = nn.Linear(dims, dims)
        self.dropout = dropout

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """[..., in_dims] -> [..., dims]; without a generator, dropout draws from torch's own."""
        for layer in (self.fc1, self.fc2):
            x = F.relu(layer(x))
            kept = torch.rand(x.shape, generator=generator, device=x.device) >= self.dropout
            x = x * kept / (1 - self.dropout)
        return x


class Encoder(nn.Module):
    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        dims = hparams.encoder_dims
        self.embedding = nn.Embedding(hparams.num_chars, hparams.embed_dims)
        self.pre_net = PreNet(hparams.embed_dims, dims, hparams.dropout)
        self.cbhg = CBHG(dims, dims, dims, hparams.encoder_K, hparams.num_highways)

    def forward(self, chars: Tensor, generator: Generator | None = None) -> Tensor:
        """[B, L] -> [B, L, encoder_dims]"""
        x = self.pre_net(self.embedding(chars), generator)
        encoded: Tensor = self.cbhg(x.transpose(1, 2))  # in: [B, encoder_dims, L]
        return encoded


class AttentionState(NamedTuple):
    hidden: Tensor  # [B, decoder_dims] of the attention RNN
    context: Tensor  # [B, E], what the last step read
    attended: Tensor  # [B, L], the sum of all attentions so far


class Decoder(nn.Module):
    r: Tensor

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.n_mels = hparams.n_mels
        dims, lstm_dims = hparams.decoder_dims, hparams.lstm_dims
        context = hparams.encoder_dims + hparams.speaker_embedding_size
        self.register_buffer("r", torch.tensor(2, dtype=torch.int))
        self.prenet = PreNet(self.n_mels, 2 * dims, hparams.dropout)
        self.attn_net = LocationSensitiveAttention(dims)
        self.attn_rnn = nn.GRUCell(context + 2 * dims, dims)
        self.rnn_input = nn.Linear(context + dims, lstm_dims)
        self.res_rnn1 = nn.LSTMCell(lstm_dims, lstm_dims)
        self.res_rnn2 = nn.LSTMCell(lstm_dims, lstm_dims)
        self.mel_proj = nn.Linear(lstm_dims, self.n_mels * MAX_R, bias=False)
        self.stop_proj = nn.Linear(context + lstm_dims, 1)

    def forward(self, mel: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """Teacher-forced: each step is fed the last frame before it of `mel` [B, 80, T].

        Only the attention is fed, so only the attention runs step by step. Returns mel [B, 80, T],
        attention [B, S, L] and the probability [B, T] that speech has ended.
        """
        contexts, hidden, attention = self.attend_all(self.prenet(self.fed(mel)), memory)
        decoded, stop = self.speak_all(contexts, hidden)
        return decoded, attention.transpose(0, 1), stop

    def fed(self, mel: Tensor) -> Tensor:
        """[B, 80, T] -> [S, B, 80]: silence, then the last frame of each step but the last."""
        return F.pad(mel, (1, 0))[:, :, : mel.shape[2] : int(self.r)].permute(2, 0, 1)

    def speak_all(
        self, contexts: Tensor, hidden: Tensor, run: RunLSTM = run_lstm
    ) -> tuple[Tensor, Tensor]:
        """What follows the attention, in training: [S, B, E], [S, B, decoder_dims] -> mel
        [B, 80, T], stop [B, T]. run: takes a residual LSTM over a sequence."""
        x = self.rnn_input(torch.cat([contexts, hidden], dim=2)).float()  # [S, B, lstm_dims]
        for cell in (self.res_rnn1, self.res_rnn2):
            x = x + F.dropout(run(cell, x), RESIDUAL_DROPOUT, self.training)
        r = int(self.r)
        steps = F.linear(x, self.mel_weight()).float()
        mel = steps.view(*steps.shape[:2], r, self.n_mels)
        stop = torch.sigmoid(self.stop_proj(torch.cat([x, contexts], dim=2)).float()).squeeze(2)
        # to [B, 80, S, r] and [B, S]
        return mel.permute(1, 3, 0, 2).flatten(2), stop.t().repeat_interleave(r, dim=1)

    def generate(
        self, memory: Memory, generator: Generator, max_frames: int
    ) -> tuple[Tensor, Tensor, bool]:
        """Free-running, one utterance: each step is fed the last frame of the one before.

        Returns mel [1, 80, T], attention [S, L], and whether the stop token came in time.
        """
        r, mel_weight = int(self.r), self.mel_weight()
        frame = memory.values.new_zeros(1, self.n_mels)
        state, lstm1, lstm2 = self._start(memory), None, None
        mel, attention, stopped = [], [], False
        for t in range(0, max_frames - r + 1, r):
            state, weights = self._attend(self.prenet(frame, generator), state, memory)
            x = self.rnn_input(torch.cat([state.context, state.hidden], dim=1))
            lstm1 = self.res_rnn1(x, lstm1)
            x = x + lstm1[0]
            lstm2 = self.res_rnn2(x, lstm2)
            x = x + lstm2[0]
            mel.append(F.linear(x, mel_weight).view(r, self.n_mels))
            attention.append(weights)
            frame = mel[-1][-1:]
            stop = self.stop_proj(torch.cat([x, state.context], dim=1))
            if stopped := t > STOP_AFTER and stop.item() > 0:  # a probability above one half
                break
        return torch.cat(mel).t().unsqueeze(0), torch.cat(attention), stopped

    def _start(self, memory: Memory) -> AttentionState:
        batch, length, values = memory.values.shape
        zeros = memory.values.new_zeros
        return AttentionState(
            zeros(batch, self.attn_rnn.hidden_size), zeros(batch, values), zeros(batch, length)
        )

    def _attend(
        self, prenet: Tensor, state: AttentionState, memory: Memory
    ) -> tuple[AttentionState, Tensor]:
        """One step of the attention. prenet: [B, 2 * decoder_dims]. Returns attention [B, L] too.

        One product of [context, prenet] is faster than the sum of two products, cat included.
        """
        hidden = self.attn_rnn(torch.cat([state.context, prenet], dim=1), state.hidden)
        context, attention = self.attn_net(hidden, state.attended, memory)
        return AttentionState(hidden, context, state.attended + attention), attention

    def attend_all(self, prenet: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """[S, B, 2 * decoder_dims] -> contexts [S, B, E], hidden [S, B, decoder_dims], attention"""
        state, steps = self._start(memory), []
        for step in prenet:
            state, attention = self._attend(step, state, memory)
            steps.append((state.context, state.hidden, attention))
        contexts, hidden, attention = (torch.stack(part) for part in zip(*steps, strict=True))
        return contexts, hidden, attention

    def mel_weight(self) -> Tensor:
        """The r used frames of `mel_proj`, frame by frame: [r * 80, lstm_dims]."""
        weight = self.mel_proj.weight.view(self.n_mels, MAX_R, -1)[:, : int(self.r)]
        return weight.transpose(0, 1).reshape(self.n_mels * int(self.r), -1)


class Tacotron(nn.Module):
    """Holds no state of a request: generate from as many threads at once as you like."""

    step: Tensor
    stop_threshold: Tensor

    def __init__(self, hparams: Hparams) -> None:
        super().__init__()
        self.hparams = hparams
        width = hparams.encoder_dims + hparams.speaker_embedding_size
        mels, dims = hparams.n_mels, hparams.postnet_dims
        self.encoder = Encoder(hparams)
        self.encoder_proj = nn.Linear(width, hparams.decoder_dims, bias=False)
        self.decoder = Decoder(hparams)
        self.postnet = CBHG(mels, dims, dims, hparams.postnet_K, hparams.num_highways)
        self.post_proj = nn.Linear(dims, hparams.fft_bins, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        self.register_buffer("step", torch.zeros(1, dtype=torch.long))  # of the training
        self.register_buffer("stop_threshold", torch.tensor(hparams.stop_threshold))

    def forward(
        self, chars: Tensor, mel: Tensor, embeds: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Teacher-forced pass of training.

        chars: [B, L], padded with 0; mel: [B, 80, T] in ±4, T a multiple of r; embeds: [B, 256].
        Returns mel [B, 80, T] before and after the postnet, attention [B, S, L], and the
        probability [B, T] that speech has ended. The prenets' dropout stays on in eval() too.
        """
        memory = self.memory(chars, self.encoder(chars), embeds)
        decoded, attention, stop = self.decoder(mel, memory)
        return decoded, self.refine(decoded), attention, stop

    @torch.no_grad()
    def generate(
        self, chars: Tensor, embeds: Tensor, generators: Sequence[Generator], max_frames: int
    ) -> Generated:
        """Speak each row of `chars` in the voice beside it. The module must be in eval().

        chars: [B, L] int64, padded with 0; embeds: [B, 256]; generators: B, one for each row's
        dropout, so that a row's outcome depends on its own seed alone; max_frames: at most so many
        of 12.5 ms each. Raises ValueError where a row has no character, where the three differ in
        number and where max_frames is less than one decoder step makes; RuntimeError in train().
        """
        if self.training:
            raise RuntimeError("call eval() first: in train() the batch norms learn from this")
        if max_frames < int(self.decoder.r):
            raise ValueError(f"max_frames is {max_frames}, one step makes {int(self.decoder.r)}")
        utterances = [_trim_padding(row) for row in chars]
        spoken = [
            self._speak(utterance.unsqueeze(0), embed.unsqueeze(0), generator, max_frames)
            for utterance, embed, generator in zip(utterances, embeds, generators, strict=True)
        ]
        return Generated(
            mels=[mel for mel, _, _ in spoken],
            attention=[attention for _, attention, _ in spoken],
            stopped=[stopped for _, _, stopped in spoken],
        )

    def _speak(
        self, chars: Tensor, embed: Tensor, generator: Generator, max_frames: int
    ) -> tuple[Tensor, Tensor, bool]:
        """chars: [1, L], embed: [1, 256]. Returns mel [80, T], attention [S, L], stopped."""
        memory = self.memory(chars, self.encoder(chars, generator), embed)
        mel, attention, stopped = self.decoder.generate(memory, generator, max_frames)
        return self.refine(mel)[0].clamp(-MAX_LEVEL, MAX_LEVEL), attention, stopped

    def memory(self, chars: Tensor, encoded: Tensor, embeds: Tensor) -> Memory:
        """What the decoder reads: `encoded` [B, L, encoder_dims] with `embeds` [B, 256] beside."""
        speaker = embeds.unsqueeze(1).expand(-1, chars.shape[1], -1)  # [B, L, 256]
        values = torch.cat([encoded, speaker], dim=2)
        return self.decoder.attn_net.memory(values, self.encoder_proj(values), chars == PADDING)

    def refine(self, mel: Tensor) -> Tensor:
        """The postnet: [B, 80, T] -> [B, 80, T]"""
        refined: Tensor = self.post_proj(self.postnet(mel))
        return refined.transpose(1, 2)  # [B, 80, T]


def trim_silence(mel: Tensor, threshold: float) -> Tensor:
    """`mel` [80, T] without the trailing frames that are silent, all bands under `threshold`.

    Leaves one frame at least. RTVC does so with the hyperparameter `stop_threshold`.
    """
    heard = (mel.amax(dim=0) >= threshold).nonzero()
    return mel[:, : int(heard[-1]) + 1 if len(heard) else 1]


def _trim_padding(chars: Tensor) -> Tensor:
    """[L] without the zeros at its end. Raises ValueError if that leaves none."""
    used = chars.nonzero()
    if not len(used):
        raise ValueError("an utterance has no character but padding")
    return chars[: int(used[-1]) + 1]
