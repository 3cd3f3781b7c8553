"""Windows of speech for training Vocos: their mels and their sound.

A speaker is drawn first, then one of their clips, so that many people of one clip each count as
much as one person of many clips. Loudness varies. Some windows begin or end in silence.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.http.tensors import Float32Array
from training.data.clips import Clip, ClipFolder
from training.data.waveforms import PEAK
from training.recipes import VocosRecipe

HOP = MEL_FORMAT.hop_length
FLOOR = -MEL_FORMAT.max_abs
MARGIN = 2  # frames on each side whose samples the outermost frames' analysis windows cover
LEVELS_DB = (-12.0, 0.0)  # peak of a clip in dBFS
QUIET_LEVELS_DB = (-30.0, -12.0)


@dataclass(frozen=True)
class SpeechWindows:
    mel: Tensor
    """[B, 80, T] in ±1."""
    sound: Tensor
    """[B, (T - 1) * 200], pre-emphasised; sample 200 t is the centre of frame t."""


class WindowSampler:
    def __init__(self, data: ClipFolder, recipe: VocosRecipe) -> None:
        """Raises TrainingError for data without clips, or without the synthesizer's mels that the
        recipe asks for."""
        self._data, self._recipe = data, recipe
        clips = data.require_clips()
        if recipe.synthesized:
            data.require_synthesized(clips)
        self._first = clips[0]
        self._recorded = _by_speaker([clip for clip in clips if not clip.is_synthetic])
        self._synthetic = _by_speaker([clip for clip in clips if clip.is_synthetic])

    def batch(self, step: int) -> SpeechWindows:
        """The batch of a step, which depends on the step alone."""
        rng = np.random.default_rng([self._recipe.seed, step])
        windows = [self._window(self._clip(rng), rng) for _ in range(self._recipe.batch)]
        mels, sounds = zip(*windows, strict=True)
        return SpeechWindows(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(sounds)))

    def _clip(self, rng: np.random.Generator) -> Clip:
        recorded = rng.random() < self._recipe.recorded_share
        speakers = (recorded and self._recorded) or self._synthetic or self._recorded
        clips = speakers[rng.integers(len(speakers))]
        return clips[rng.integers(len(clips))]

    def _window(self, clip: Clip, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
        """mel [80, T] in ±1, sound [(T - 1) * 200]."""
        frames = self._recipe.window
        start = self._start(clip.frames, rng)
        quiet = rng.random() < self._recipe.quiet_share
        level_db = rng.uniform(*(QUIET_LEVELS_DB if quiet else LEVELS_DB))
        gain_db = level_db - 20 * np.log10(PEAK)
        sound = self._sound(clip, start) * np.float32(10 ** (gain_db / 20))
        true_mel = rng.random() < self._recipe.true_mel_share or not self._uses_synthesizer(clip)
        if true_mel:
            mel = mel_spectrogram(sound)[:, MARGIN : MARGIN + frames]
        else:
            mel = _amplified(self._synthesized(clip, start), gain_db)
        first = MARGIN * HOP
        target = sound[first:] - np.float32(MEL_FORMAT.preemphasis) * sound[first - 1 : -1]
        return mel / np.float32(MEL_FORMAT.max_abs), target[: (frames - 1) * HOP]

    def _start(self, frames: int, rng: np.random.Generator) -> int:
        """The window's first frame. Some windows start before the clip, below 0, or end after it. A
        clip shorter than the window lies within it."""
        spare = frames - self._recipe.window
        if rng.random() < self._recipe.silent_edge_share:
            outside = int(rng.integers(1, self._recipe.window // 2, endpoint=True))
            return -outside if rng.random() < 0.5 else spare + outside
        return int(rng.integers(min(0, spare), max(0, spare), endpoint=True))

    def _sound(self, clip: Clip, start: int) -> Float32Array:
        """The samples of the window and its margins, zeros outside the clip."""
        first = (start - MARGIN) * HOP
        sound = np.zeros((self._recipe.window - 1 + 2 * MARGIN) * HOP, np.float32)
        begin, end = max(0, first), min(clip.samples, first + len(sound))
        if begin < end:
            sound[begin - first : end - first] = self._data.wav(clip, begin, end - begin)
        return sound

    def _synthesized(self, clip: Clip, start: int) -> Float32Array:
        """The synthesizer's mel of the window, silence outside the clip. [80, T] in ±4"""
        mel = self._data.synthesized(clip)
        window = np.full((len(mel), self._recipe.window), FLOOR, np.float32)
        begin, end = max(0, start), min(mel.shape[1], start + self._recipe.window)
        if begin < end:
            window[:, begin - start : end - start] = mel[:, begin:end]
        return window

    def _uses_synthesizer(self, clip: Clip) -> bool:
        return self._recipe.synthesized and self._data.has_synthesized(clip)

    def example(self, frames: int) -> Float32Array:
        """The start of the first clip's mel, the synthesizer's if the recipe uses it.

        [80, T] in ±4, T at most `frames`.
        """
        clip = self._first
        if self._uses_synthesizer(clip):
            return self._data.synthesized(clip)[:, :frames]
        return mel_spectrogram(self._data.wav(clip, 0, min(clip.samples, frames * HOP)))[:, :frames]


def _by_speaker(clips: list[Clip]) -> list[list[Clip]]:
    speakers = defaultdict(list)
    for clip in clips:
        speakers[clip.voice].append(clip)
    return [speakers[voice] for voice in sorted(speakers)]


def _amplified(mel: Float32Array, gain_db: float) -> Float32Array:
    """The mel of the amplified sound. mel: [80, T] in ±4; bands at the floor stay there."""
    units_per_db = 2 * MEL_FORMAT.max_abs / -MEL_FORMAT.min_level_db
    amplified = np.clip(mel + np.float32(units_per_db * gain_db), FLOOR, MEL_FORMAT.max_abs)
    return np.where(mel > FLOOR, amplified, mel).astype(np.float32)
