"""The synthesizer's batches: utterances of similar length, in an order that the seed decides.

An epoch has as many utterances as there are clips, drawn by speaker, or each clip once.

Each utterance has its own clip's embedding, as in RTVC. The embeddings of two short clips of one
voice differ; a network trained with either clones a voice only as well as those two match.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import cycle
from typing import Self

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array, Int64Array
from synthesizer_service.text import text_to_ids
from training import TrainingError
from training.data.clips import Clip, ClipFolder
from training.recipes import SynthesizerRecipe

SORTED_BATCHES = 16  # sorted by length together
SILENCE = -MEL_FORMAT.max_abs
FRAMES_BEFORE = 10
"""Silent frames before speech. Without them the first words are the least intelligible
(docs/experiments/2026-11-27-first-words.md)."""
FRAMES_AFTER = 4  # silent frames in which the stop token is learnt
GUIDE_WIDTH = 0.25  # of guided attention's diagonal, as a share of the text


@dataclass(frozen=True)
class Batch:
    chars: Tensor  # [B, L], padded with 0
    mel: Tensor  # [B, 80, T] in ±4
    embeds: Tensor  # [B, 256]
    stop: Tensor  # [B, T], 1 from the last frame on
    weight: Tensor  # [B, T], 1 within an utterance, 0 in padding
    far: Tensor  # [B, S, L], penalty of guided attention: 0 on the diagonal, up to 1

    def to(self, device: torch.device) -> Self:
        moved = (getattr(self, field.name).to(device, non_blocking=True) for field in fields(self))
        return type(self)(*moved)


class Batches:
    """batches(step): the batch of that step, which depends on the step alone."""

    def __init__(self, data: ClipFolder, recipe: SynthesizerRecipe) -> None:
        """Raises TrainingError for fewer clips than a batch takes."""
        self._data, self._recipe = data, recipe
        self._clips = data.trainable(recipe.min_frames, recipe.max_frames)
        if len(self._clips) < recipe.batch:
            raise TrainingError(
                f"{data.folder} has {len(self._clips)} usable clips, a batch takes "
                f"{recipe.batch}; add data or lower --batch"
            )
        self._order = lru_cache(maxsize=1)(self._order_of)

    def __call__(self, step: int) -> Batch:
        epoch, number = divmod(step, len(self._clips) // self._recipe.batch)
        clips = [self._clips[index] for index in self._order(epoch)[number]]
        return make_batch(self._data, clips, self._recipe.r)

    def _order_of(self, epoch: int) -> list[list[int]]:
        """Clip indices by batch. The remainder of an epoch, less than a batch, is left out."""
        rng = np.random.default_rng([self._recipe.seed, 0, epoch])
        size = self._recipe.batch
        usable = len(self._clips) // size * size
        drawn = self._by_speaker(rng, usable) if self._recipe.by_speaker else len(self._clips)
        order = rng.permutation(drawn)[:usable]
        batches: list[list[int]] = []
        for start in range(0, usable, size * SORTED_BATCHES):
            similar = sorted(
                order[start : start + size * SORTED_BATCHES].tolist(),
                key=lambda index: self._clips[index].frames,
            )
            batches += [similar[i : i + size] for i in range(0, len(similar), size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _by_speaker(self, rng: np.random.Generator, count: int) -> list[int]:
        """Indices of `count` clips, with the recipe's share of recorded speakers."""
        speakers: dict[bool, dict[str, list[int]]] = {False: {}, True: {}}
        for index, clip in enumerate(self._clips):
            speakers[clip.is_synthetic].setdefault(clip.voice, []).append(index)
        recorded, synthetic = (list(speakers[kind].values()) for kind in (False, True))
        share = self._recipe.recorded_share if recorded and synthetic else float(bool(recorded))
        recordings = round(share * count)
        return _in_turn(rng, recorded, recordings) + _in_turn(rng, synthetic, count - recordings)


def _in_turn(rng: np.random.Generator, speakers: Sequence[Sequence[int]], count: int) -> list[int]:
    """Clips of the speakers in turn, in a new order each round; each speaker's clips in turn."""
    clips = [cycle(rng.permutation(own).tolist()) for own in speakers]
    drawn = list[int]()
    while len(drawn) < count:
        drawn += [next(clips[speaker]) for speaker in rng.permutation(len(speakers))]
    return drawn[:count]


def make_batch(data: ClipFolder, clips: Sequence[Clip], r: int) -> Batch:
    """Pad the clips with silence on both sides. T is a multiple of r."""
    size = len(clips)
    ids: list[Int64Array] = [np.array(text_to_ids(clip.text)) for clip in clips]
    features = [data.features(clip) for clip in clips]
    mels, embeds = [each.mel for each in features], [each.embed for each in features]
    characters = max(map(len, ids))
    frames = -(-(FRAMES_BEFORE + max(mel.shape[1] for mel in mels) + FRAMES_AFTER) // r) * r
    chars = np.zeros((size, characters), np.int64)
    mel = np.full((size, MEL_FORMAT.n_mels, frames), SILENCE, np.float32)
    stop, weight = np.ones((size, frames), np.float32), np.zeros((size, frames), np.float32)
    far = np.zeros((size, frames // r, characters), np.float32)
    for i, (row, target) in enumerate(zip(ids, mels, strict=True)):
        n = FRAMES_BEFORE + target.shape[1]
        steps = n // r
        chars[i, : len(row)] = row
        mel[i, :, FRAMES_BEFORE:n] = target
        stop[i, : n - 1] = 0
        weight[i, : n + FRAMES_AFTER] = 1
        far[i, :steps, : len(row)] = _distance_from_diagonal(steps, len(row))
    arrays = (chars, mel, np.stack(embeds), stop, weight, far)
    return Batch(*map(torch.from_numpy, arrays))


def _distance_from_diagonal(steps: int, characters: int) -> Float32Array:
    """[steps, characters], 0 to 1."""
    at = np.arange(steps)[:, np.newaxis] / steps - np.arange(characters) / characters
    return (1 - np.exp(-(at**2) / (2 * GUIDE_WIDTH**2))).astype(np.float32)
