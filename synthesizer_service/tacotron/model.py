"""Tacotron with SV2TTS speaker conditioning: characters and a voice in, a mel spectrogram out.

Y. Wang et al., "Tacotron: Towards End-to-End Speech Synthesis", arXiv:1703.10135.
J. Chorowski et al., "Attention-Based Models for Speech Recognition", arXiv:1506.07503.
J. Shen et al., "Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions"
(Tacotron 2), arXiv:1712.05884.
Y. Jia et al., "Transfer Learning from Speaker Verification to Multispeaker Text-To-Speech
Synthesis" (SV2TTS), arXiv:1806.04558.

Parameter names and shapes are those of RTVC's `synthesizer/models/tacotron.py`, and so are the
differences from Tacotron: Tacotron 2's stop token and location-sensitive attention, residual LSTMs
in the decoder, the speaker embedding concatenated to every encoded character.

Differences from RTVC:
- Each utterance of a batch is generated on its own, so its result does not depend on the batch.
  Batched products round differently, and frame feedback amplifies that to 1e-3 in a hundred steps.
- The prenets' dropout draws from a generator for each utterance.
- Padding gets no attention. RTVC gives it an energy of zero.
- Training runs the residual LSTMs over the whole sequence at once, with dropout on their outputs
  in place of zoneout.

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

PADDING = 0  # symbol id that fills the shorter rows of a batch
MAX_R = 20  # frames per step for which `mel_proj` has weights; the first r are used
STOP_AFTER = 10  # frames; stop tokens in steps that begin earlier are ignored
MAX_LEVEL = MEL_FORMAT.max_abs
RESIDUAL_DROPOUT = 0.05  # in training


@dataclass(frozen=True)
class Generated:
    """The utterances of a batch."""

    mels: list[Tensor]
    """[80, T] each, float32 in ±4."""
    attention: list[Tensor]
    """[S, L] each: the attention weights of each decoder step; a row sums to one."""
    stopped: list[bool]
    """False where the frame limit came before the stop token."""


def run_lstm(cell: nn.LSTMCell, x: Tensor) -> Tensor:
    """Run a cell over a sequence from a zero state: [S, B, dims] -> [S, B, dims]"""
    zeros = x.new_zeros(1, x.shape[1], cell.hidden_size)
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    return torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, cell.training, False, False)[0]


RunLSTM = Callable[[nn.LSTMCell, Tensor], Tensor]


class PreNet(nn.Module):
    """Two layers with dropout that stays on in eval() (Tacotron 2, section 2.2)."""

    def __init__(self, in_dims: int, dims: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_dims, dims)
        self.fc2 = nn.Linear(dims, dims)
        self.dropout = dropout

    def forward(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """[..., in_dims] -> [..., dims]. generator: for dropout, torch's own by default."""
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


LSTMState = tuple[Tensor, Tensor]
"""Hidden and cell state, [B, lstm_dims] each."""


class AttentionState(NamedTuple):
    hidden: Tensor  # [B, decoder_dims] of the attention RNN
    context: Tensor  # [B, E] of the last step
    attended: Tensor  # [B, L], the sum of all attention weights so far


class DecoderState(NamedTuple):
    attention: AttentionState
    lstms: tuple[LSTMState, LSTMState] | tuple[None, None]


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
        """Teacher-forced pass: each step reads the true frame before it, of `mel` [B, 80, T].

        Only the attention feeds back, so only the attention runs step by step.
        Returns mel [B, 80, T], attention [B, S, L] and stop probability [B, T].
        """
        contexts, hidden, attention = self.attend_all(self.prenet(self.fed(mel)), memory)
        decoded, stop = self.speak_all(contexts, hidden)
        return decoded, attention.transpose(0, 1), stop

    def fed(self, mel: Tensor) -> Tensor:
        """[B, 80, T] -> [S, B, 80]: the input of each step, silence for the first one."""
        return F.pad(mel, (1, 0))[:, :, : mel.shape[2] : int(self.r)].permute(2, 0, 1)

    def speak_all(
        self, contexts: Tensor, hidden: Tensor, run: RunLSTM = run_lstm
    ) -> tuple[Tensor, Tensor]:
        """The residual LSTMs and projections over a whole sequence, in training.

        contexts: [S, B, E]; hidden: [S, B, decoder_dims]; run: runs an LSTM cell over a sequence.
        Returns mel [B, 80, T] and stop probability [B, T].
        """
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
        """Free-running pass over one utterance: each step reads the last frame of the previous one.

        Returns mel [1, 80, T], attention [S, L], and True if the stop token came in time.
        """
        r, mel_weight = int(self.r), self.mel_weight()
        frame, state = memory.values.new_zeros(1, self.n_mels), self.start(memory)
        mel, attention, stopped = [], [], False
        for t in range(0, max_frames - r + 1, r):
            x, state, weights = self.step(frame, state, memory, generator)
            mel.append(F.linear(x, mel_weight).view(r, self.n_mels))
            attention.append(weights)
            frame = mel[-1][-1:]
            stop = self.stop_proj(torch.cat([x, state.attention.context], dim=1))
            if stopped := t > STOP_AFTER and stop.item() > 0:  # a probability above one half
                break
        return torch.cat(mel).t().unsqueeze(0), torch.cat(attention), stopped

    def start(self, memory: Memory) -> DecoderState:
        """The state before the first step."""
        return DecoderState(self._start_attention(memory), (None, None))

    def step(
        self, frame: Tensor, state: DecoderState, memory: Memory, generator: Generator | None = None
    ) -> tuple[Tensor, DecoderState, Tensor]:
        """One free-running step. The only dropout is the prenet's, drawn from `generator`.

        frame: [B, 80], the last one of the step before. Returns the residual LSTMs' output
        [B, lstm_dims], which `mel_weight` turns into r frames, the next state, and the attention
        [B, L].
        """
        attended, weights = self._attend(self.prenet(frame, generator), state.attention, memory)
        x = self.rnn_input(torch.cat([attended.context, attended.hidden], dim=1))
        lstm1 = self.res_rnn1(x, state.lstms[0])
        x = x + lstm1[0]
        lstm2 = self.res_rnn2(x, state.lstms[1])
        return x + lstm2[0], DecoderState(attended, (lstm1, lstm2)), weights

    def _start_attention(self, memory: Memory) -> AttentionState:
        batch, length, values = memory.values.shape
        zeros = memory.values.new_zeros
        return AttentionState(
            zeros(batch, self.attn_rnn.hidden_size), zeros(batch, values), zeros(batch, length)
        )

    def _attend(
        self, prenet: Tensor, state: AttentionState, memory: Memory
    ) -> tuple[AttentionState, Tensor]:
        """One attention step: prenet [B, 2 * decoder_dims] -> next state, attention [B, L].

        One product of [context, prenet] is faster than two products, the concatenation included.
        """
        hidden = self.attn_rnn(torch.cat([state.context, prenet], dim=1), state.hidden)
        context, attention = self.attn_net(hidden, state.attended, memory)
        return AttentionState(hidden, context, state.attended + attention), attention

    def attend_all(self, prenet: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor]:
        """The attention over a whole sequence. prenet: [S, B, 2 * decoder_dims].

        Returns contexts [S, B, E], hidden [S, B, decoder_dims] and attention [S, B, L].
        """
        state, steps = self._start_attention(memory), []
        for step in prenet:
            state, attention = self._attend(step, state, memory)
            steps.append((state.context, state.hidden, attention))
        contexts, hidden, attention = (torch.stack(part) for part in zip(*steps, strict=True))
        return contexts, hidden, attention

    def mel_weight(self) -> Tensor:
        """[r * 80, lstm_dims]: the weights of the r frames in use, frame by frame."""
        weight = self.mel_proj.weight.view(self.n_mels, MAX_R, -1)[:, : int(self.r)]
        return weight.transpose(0, 1).reshape(self.n_mels * int(self.r), -1)


class Tacotron(nn.Module):
    """The whole network. Holds no state between calls; several threads may generate at once."""

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
        self.register_buffer("step", torch.zeros(1, dtype=torch.long))  # training steps
        self.register_buffer("stop_threshold", torch.tensor(hparams.stop_threshold))

    def forward(
        self, chars: Tensor, mel: Tensor, embeds: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Teacher-forced pass of training.

        chars: [B, L], padded with 0; mel: [B, 80, T] in ±4, T a multiple of r; embeds: [B, 256].
        Returns mel [B, 80, T] before and after the postnet, attention [B, S, L] and stop
        probability [B, T]. The prenets' dropout stays on in eval().
        """
        memory = self.memory(chars, self.encoder(chars), embeds)
        decoded, attention, stop = self.decoder(mel, memory)
        return decoded, self.refine(decoded), attention, stop

    @torch.no_grad()
    def generate(
        self, chars: Tensor, embeds: Tensor, generators: Sequence[Generator], max_frames: int
    ) -> Generated:
        """Generate a mel spectrogram for each row of `chars`, in the voice of the same row.

        chars: [B, L] int64, padded with 0; embeds: [B, 256]; generators: B, for each row's dropout;
        max_frames: limit in frames of 12.5 ms.

        Raises ValueError for a row of padding alone, for arguments of different lengths and for a
        max_frames below one decoder step; RuntimeError in train().
        """
        if self.training:
            raise RuntimeError("call eval() first; in train() this would change the batch norms")
        if max_frames < int(self.decoder.r):
            raise ValueError(
                f"max_frames is {max_frames}, must be at least {int(self.decoder.r)}, one step"
            )
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
        """The attention's memory of characters and speaker.

        chars: [B, L]; encoded: [B, L, encoder_dims]; embeds: [B, 256].
        """
        speaker = embeds.unsqueeze(1).expand(-1, chars.shape[1], -1)  # [B, L, 256]
        values = torch.cat([encoded, speaker], dim=2)
        return self.decoder.attn_net.memory(values, self.encoder_proj(values), chars == PADDING)

    def refine(self, mel: Tensor) -> Tensor:
        """The postnet: [B, 80, T] -> [B, 80, T]"""
        refined: Tensor = self.post_proj(self.postnet(mel))
        return refined.transpose(1, 2)  # [B, 80, T]


def trim_silence(mel: Tensor, threshold: float) -> Tensor:
    """`mel` [80, T] without trailing silence: frames with all bands below `threshold`.

    Keeps at least one frame. RTVC's hyperparameter `stop_threshold` does the same.
    """
    heard = (mel.amax(dim=0) >= threshold).nonzero()
    return mel[:, : int(heard[-1]) + 1 if len(heard) else 1]


def _trim_padding(chars: Tensor) -> Tensor:
    """[L] without trailing zeros. Raises ValueError if nothing remains."""
    used = chars.nonzero()
    if not len(used):
        raise ValueError("an utterance holds padding alone; give it at least one character")
    return chars[: int(used[-1]) + 1]
