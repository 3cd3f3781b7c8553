"""Windows of speech for a vocoder that makes many samples at once: their mels and their sound.

A speaker is drawn first and then one of their clips, so that many people of one clip each count
as much as one of many clips. Loudness varies. Some windows begin or end in silence.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.audio.mel import MEL_FORMAT, mel_spectrogram
from shared.http.tensors import Float32Array
from training.data.clips import Clip, ClipFolder
from training.data.sound import PEAK
from training.data.teacher import is_taught
from training.errors import TrainingError
from training.recipes import VocosRecipe

HOP = MEL_FORMAT.hop_length
FLOOR = -MEL_FORMAT.max_abs
MARGIN = 2  # frames on each side whose samples the outermost frames of a mel see
LEVELS_DB = (-12.0, 0.0)  # of a clip's loudest sample, in dBFS
QUIET_DB = (-30.0, -12.0)


@dataclass(frozen=True)
class SpeechWindows:
    mel: Tensor
    """[B, 80, T] in ±1."""
    sound: Tensor
    """[B, (T - 1) * 200], pre-emphasised; sample 200 t is the centre of frame t."""


class WindowSampler:
    def __init__(self, data: ClipFolder, recipe: VocosRecipe) -> None:
        """Raises TrainingError for data without clips, or to be fine-tuned on without mels of a
        synthesizer."""
        self._data, self._recipe = data, recipe
        clips = data.filled()
        if recipe.synthesized and not any(map(data.has_synthesized, clips)):
            raise TrainingError(
                f"{data.folder} has no mels of a synthesizer; run `better train features "
                "DATA --synthesizer RUN` first"
            )
        self._first = clips[0]
        recorded = [clip for clip in clips if not is_taught(clip)]
        taught = [clip for clip in clips if is_taught(clip)]
        self._recorded, self._taught = _by_speaker(recorded), _by_speaker(taught)

    def batch(self, step: int) -> SpeechWindows:
        """Always the same for a step."""
        rng = np.random.default_rng([self._recipe.seed, step])
        windows = [self._window(self._clip(rng), rng) for _ in range(self._recipe.batch)]
        mels, sounds = zip(*windows, strict=True)
        return SpeechWindows(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(sounds)))

    def _clip(self, rng: np.random.Generator) -> Clip:
        recorded = rng.random() < self._recipe.recorded
        speakers = (recorded and self._recorded) or self._taught or self._recorded
        clips = speakers[rng.integers(len(speakers))]
        return clips[rng.integers(len(clips))]

    def _window(self, clip: Clip, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
        """mel [80, T] in ±1, sound [(T - 1) * 200]."""
        frames = self._recipe.window
        start = self._start(clip.frames, rng)
        quiet = rng.random() < self._recipe.quiet
        level_db = rng.uniform(*(QUIET_DB if quiet else LEVELS_DB))
        gain_db = level_db - 20 * np.log10(PEAK)
        sound = self._sound(clip, start) * np.float32(10 ** (gain_db / 20))
        own_mel = rng.random() < self._recipe.true_mels or not self._from_synthesizer(clip)
        if own_mel:
            mel = mel_spectrogram(sound)[:, MARGIN : MARGIN + frames]
        else:
            mel = _louder(self._synthesized(clip, start), gain_db)
        first = MARGIN * HOP
        target = sound[first:] - np.float32(MEL_FORMAT.preemphasis) * sound[first - 1 : -1]
        return mel / np.float32(MEL_FORMAT.max_abs), target[: (frames - 1) * HOP]

    def _start(self, frames: int, rng: np.random.Generator) -> int:
        """The window's first frame: below 0, or too late to end within the clip, some of the time;
        and always so in a clip shorter than the window, which lies within it then."""
        spare = frames - self._recipe.window
        if rng.random() < self._recipe.silent_edge:
            outside = int(rng.integers(1, self._recipe.window // 2, endpoint=True))
            return -outside if rng.random() < 0.5 else spare + outside
        return int(rng.integers(min(0, spare), max(0, spare), endpoint=True))

    def _sound(self, clip: Clip, start: int) -> Float32Array:
        """The window and its margins, as the clip has it, between zeros."""
        first = (start - MARGIN) * HOP
        sound = np.zeros((self._recipe.window - 1 + 2 * MARGIN) * HOP, np.float32)
        begin, end = max(0, first), min(clip.samples, first + len(sound))
        if begin < end:
            sound[begin - first : end - first] = self._data.wav(clip, begin, end - begin)
        return sound

    def _synthesized(self, clip: Clip, start: int) -> Float32Array:
        """The synthesizer's mel, between silence. [80, T] in ±4"""
        mel = self._data.synthesized(clip)
        window = np.full((len(mel), self._recipe.window), FLOOR, np.float32)
        begin, end = max(0, start), min(mel.shape[1], start + self._recipe.window)
        if begin < end:
            window[:, begin - start : end - start] = mel[:, begin:end]
        return window

    def _from_synthesizer(self, clip: Clip) -> bool:
        return self._recipe.synthesized and self._data.has_synthesized(clip)

    def example(self, frames: int) -> Float32Array:
        """The beginning of the first clip's mel, the synthesizer's if it is learnt from.

        [80, T] in ±4, T at most `frames`.
        """
        clip = self._first
        if self._from_synthesizer(clip):
            return self._data.synthesized(clip)[:, :frames]
        return mel_spectrogram(self._data.wav(clip, 0, min(clip.samples, frames * HOP)))[:, :frames]


def _by_speaker(clips: list[Clip]) -> list[list[Clip]]:
    speakers = defaultdict(list)
    for clip in clips:
        speakers[clip.voice].append(clip)
    return [speakers[voice] for voice in sorted(speakers)]


def _louder(mel: Float32Array, gain_db: float) -> Float32Array:
    """The mel of a sound so much louder. mel: [80, T] in ±4; what is silent stays silent."""
    scale = 2 * MEL_FORMAT.max_abs / -MEL_FORMAT.min_level_db  # of the mel a dB
    louder = np.clip(mel + np.float32(scale * gain_db), FLOOR, MEL_FORMAT.max_abs)
    return np.where(mel > FLOOR, louder, mel).astype(np.float32)
