"""Streaming inference with Vocos: sound from a mel, block by block.

A block is BLOCK frames of the mel. Layers need context on both sides, so each layer keeps the last
frames of its input for the next block. Nothing is computed twice, and the output is
`receptive_field` frames behind the input. The utterance is padded with silence.

All blocks have the same shape and do not depend on the consumer. So a mel gives the same samples,
bit for bit, whole or streamed, alone or beside other requests.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import MEL_FORMAT
from shared.checkpoints.hparams import hparams_from
from shared.checkpoints.loading import load_model
from shared.http.deadlines import check_connected
from shared.http.tensors import Float32Array
from vocoder_service.vocos.hparams import Hparams
from vocoder_service.vocos.model import Vocos
from vocoder_service.waveform import MEL_MAX, PREEMPHASIS, Wave, finished, output_length

BLOCK = 96
"""Frames: 1.2 s. Smaller blocks cost more per second, larger ones more for a short utterance."""
SILENCE = -1.0  # in a mel in ±1

History = list[Tensor]
"""The last frames of each layer's input [1, kernel_size - 1, C]."""


class VocosVocoder:
    """Vocos as a vocoder. Thread-safe: each request has its own state."""

    def __init__(self, model: Vocos) -> None:
        """Raises ValueError for a model in training mode."""
        if model.training:
            raise ValueError("the model is in training mode; call its eval() first")
        self._model, self._hparams = model, model.hparams
        # Every sample lies in n_fft / hop frames, whose squared windows have a constant sum.
        overlap_gain = model.window.square().sum() / model.hparams.hop_length
        self._window = model.window / overlap_gain
        self._after_silence = self._history_of_silence()

    def generate(self, mel: Float32Array, seed: int = 0, temperature: float = 1) -> Iterator[Wave]:
        """Sound from a mel at the model's sample rate, in consecutive chunks.

        Args:
            mel: [80, T], T >= 1, in ±4.
            seed, temperature: ignored; the network is deterministic.

        Returns:
            Chunks [n] in ±1, none empty, `output_length` samples in total.

        Raises:
            ValueError: the mel has another shape.
        """
        n_mels = self._hparams.n_mels
        if mel.ndim != 2 or mel.shape[0] != n_mels or not mel.shape[1]:
            raise ValueError(f"mel has shape {mel.shape}; expected ({n_mels}, T), T >= 1")
        hop = self._hparams.hop_length
        wave = _de_emphasised(self._overlap_added(mel), hop)
        return finished(wave, output_length(mel.shape[1], hop))

    def _overlap_added(self, mel: Float32Array) -> Iterator[Wave]:
        """The pre-emphasised wave by overlap-add, from its first sample to its last or beyond."""
        n_fft, hop = self._hparams.n_fft, self._hparams.hop_length
        unfinished = np.zeros(n_fft - hop, np.float32)  # of the overlap-add
        before = n_fft - hop  # samples before the first one of the utterance
        for frames in self._windowed_frames(mel):
            done = len(frames) * hop
            added = np.concatenate([unfinished, np.zeros(done, np.float32)])
            for start in range(0, n_fft, hop):
                added[start : start + done] += frames[:, start : start + hop].ravel()
            unfinished = added[done:]
            if done > before:
                yield added[before:done]
            before = max(0, before - done)

    def _windowed_frames(self, mel: Float32Array) -> Iterator[Float32Array]:
        """Windowed short-time frames [n, n_fft], one more than the mel's at each end.

        Those two reach into the utterance.
        """
        ahead = self._hparams.receptive_field
        total = max(1, mel.shape[1] - 1) + 2  # frames that are heard
        count = -(-(total + ahead) // BLOCK)
        padded = np.full((count * BLOCK, len(mel)), SILENCE, np.float32)
        padded[: mel.shape[1]] = mel.T / MEL_MAX
        history, unheard = self._after_silence, ahead - 1
        blocks = torch.from_numpy(padded).view(count, 1, BLOCK, len(mel))
        for block in blocks:
            check_connected()
            frames, history = self._step(block, history)
            yield frames[0, unheard:].numpy()
            unheard = max(0, unheard - BLOCK)

    @torch.inference_mode()
    def _step(self, mel: Tensor, history: History) -> tuple[Tensor, History]:
        """One block. mel: [1, BLOCK, 80] in ±1. Returns frames [1, BLOCK, n_fft], new history."""
        x, new_history = mel, []
        for layer, before in zip(self._model.layers, history, strict=True):
            x = torch.cat([before, x], dim=1)
            new_history.append(x[:, -before.shape[1] :].clone())  # a view would keep x alive
            x = layer(x)
        frames = torch.fft.irfft(self._model.spectrum(x), n=self._hparams.n_fft)
        return frames * self._window, new_history

    def _history_of_silence(self) -> History:
        """The history after silence longer than the receptive field."""
        hparams = self._hparams
        channels = [hparams.n_mels] + [hparams.dims] * hparams.blocks
        history = [torch.zeros(1, 2 * hparams.context, each) for each in channels]
        silence = torch.full((1, BLOCK, hparams.n_mels), SILENCE)
        for _ in range(1 + 2 * hparams.receptive_field // BLOCK):
            _, history = self._step(silence, history)
        return history


def _de_emphasised(chunks: Iterator[Wave], hop: int) -> Iterator[Wave]:
    """Undo pre-emphasis, y[n] = x[n] + 0.97 y[n - 1], in chunks of whole hops."""
    decay = PREEMPHASIS ** np.arange(1, hop + 1)
    last = 0.0
    for chunk in chunks:
        # Each hop first as if it followed silence.
        frames = np.cumsum(chunk.reshape(-1, hop) / decay, axis=1) * decay
        for frame in frames:
            frame += last * decay
            last = frame[-1]
        yield frames.ravel().astype(np.float32)


def load(folder: Path) -> VocosVocoder:
    """Load the checkpoint. Raises CheckpointError, which names the file and the remedy."""
    return VocosVocoder(load_network(folder))


def load_network(folder: Path) -> Vocos:
    """Load the checkpoint's network alone. Raises CheckpointError."""
    return load_model(folder, _network, has_mel_format=True)


def _network(architecture: Mapping[str, Any]) -> Vocos:
    """The network of a manifest. Raises ValueError for sizes that differ from the mel format."""
    hparams = hparams_from(Hparams, architecture)
    for name in ("n_mels", "n_fft", "hop_length", "sample_rate"):
        own, wanted = getattr(hparams, name), getattr(MEL_FORMAT, name)
        if own != wanted:
            raise ValueError(f"{name} is {own}, must be {wanted}, as in the mel format")
    return Vocos(hparams)
