"""A folder of training data: what was said, by whom, how it sounds, and what the models see of it.

    clips/NAME.flac       16 kHz
    clips/NAME.json       text, voice, samples
    features/NAME.npz     mel [80, T] and the embedding of the clip [256]
    synthesized/NAME.npy  a synthesizer's mel of the clip [80, T], if one was asked for
    recordings/NAME.json  what was kept of a recording that became several clips, or none

Each file is whole or absent, so any number of processes may fill a folder, be killed and go on.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from shared.atomic_files import replacing
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training.errors import TrainingError

log = logging.getLogger("better")


@dataclass(frozen=True)
class Clip:
    name: str
    text: str
    voice: str
    """The same for clips of one speaker."""
    samples: int

    @property
    def frames(self) -> int:
        return 1 + self.samples // MEL_FORMAT.hop_length

    @property
    def seconds(self) -> float:
        return self.samples / MEL_FORMAT.sample_rate


@dataclass(frozen=True)
class Features:
    """mel: [80, T] in ±4. embed: [256], unit length."""

    mel: Float32Array
    embed: Float32Array


class ClipFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clips, self._features = folder / "clips", folder / "features"
        self._synthesized, self._recordings = folder / "synthesized", folder / "recordings"

    def has(self, name: str) -> bool:
        return self._sound(name).exists()

    def add(self, clip: Clip, wav: Float32Array) -> None:
        """wav: [n] in ±1 at 16 kHz. The sound comes last: a clip is there when its sound is."""
        self._clips.mkdir(parents=True, exist_ok=True)
        with replacing(self._clips / f"{clip.name}.json") as part:
            part.write_text(json.dumps(asdict(clip)))
        with replacing(self._sound(clip.name)) as part:
            soundfile.write(part, wav, MEL_FORMAT.sample_rate, format="FLAC")

    def clips(self) -> Iterator[Clip]:
        """In the order of their names."""
        for path in sorted(self._clips.glob("*.flac")):
            yield self.clip(path.stem)

    def filled(self) -> list[Clip]:
        """All clips that are there. Raises TrainingError if there is none."""
        clips = list(self.clips())
        if not clips:
            raise TrainingError(f"{self.folder} holds no clips; run `better train data` first")
        return clips

    def clip(self, name: str) -> Clip:
        return Clip(**json.loads(self._sound(name).with_suffix(".json").read_text()))

    def wav(self, clip: Clip, start: int = 0, samples: int = -1) -> Float32Array:
        """[samples] from `start` on, or all; in ±1."""
        wav: Float32Array = soundfile.read(self._sound(clip.name), samples, start, dtype="float32")[
            0
        ]
        return wav

    def has_features(self, clip: Clip) -> bool:
        return self._feature_file(clip).exists()

    def add_features(self, clip: Clip, features: Features) -> None:
        """On the disk the mel is half precision: steps of 0.002 where it is largest."""
        self._features.mkdir(exist_ok=True)
        with replacing(self._feature_file(clip)) as part, part.open("wb") as file:
            np.savez(file, mel=features.mel.astype(np.float16), embed=features.embed)

    def features(self, clip: Clip) -> Features:
        with np.load(self._feature_file(clip)) as stored:
            return Features(stored["mel"].astype(np.float32), stored["embed"])

    def has_synthesized(self, clip: Clip) -> bool:
        return self._synthesized_file(clip).exists()

    def add_synthesized(self, clip: Clip, mel: Float32Array) -> None:
        """mel: [80, T], of as many frames as the clip has."""
        self._synthesized.mkdir(exist_ok=True)
        with replacing(self._synthesized_file(clip)) as part, part.open("wb") as file:
            np.save(file, mel.astype(np.float16))

    def synthesized(self, clip: Clip) -> Float32Array:
        mel: Float32Array = np.load(self._synthesized_file(clip)).astype(np.float32)
        return mel

    def has_kept(self, recording: str) -> bool:
        return self._kept_file(recording).exists()

    def add_kept(self, recording: str, kept: dict[str, Any]) -> None:
        """Comes after the recording's clips: a recording is done when this is there."""
        self._recordings.mkdir(parents=True, exist_ok=True)
        with replacing(self._kept_file(recording)) as part:
            part.write_text(json.dumps(kept))

    def kept(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self._recordings.glob("*.json")):
            yield json.loads(path.read_text())

    def ready(self, min_frames: int, max_frames: int) -> list[Clip]:
        """Clips with features and a length to train on, with a warning if that is not all of them.

        Raises TrainingError if there is none.
        """
        clips = list(self.clips())
        fitting = [clip for clip in clips if min_frames <= clip.frames <= max_frames]
        ready = [clip for clip in fitting if self.has_features(clip)]
        length = f"{min_frames} to {max_frames} frames of 12.5 ms"
        if not ready:
            raise TrainingError(
                f"{self.folder} has no clip of {length} with features; "
                "run `better train data` and `better train features` first"
            )
        if len(ready) < len(clips):
            log.warning(
                "%s: %d of %d clips are used; %d are not of %s, %d have no features",
                self.folder, len(ready), len(clips), len(clips) - len(fitting), length,
                len(fitting) - len(ready),
            )  # fmt: skip
        return ready

    def _sound(self, name: str) -> Path:
        return self._clips / f"{name}.flac"

    def _feature_file(self, clip: Clip) -> Path:
        return self._features / f"{clip.name}.npz"

    def _kept_file(self, recording: str) -> Path:
        return self._recordings / f"{recording}.json"

    def _synthesized_file(self, clip: Clip) -> Path:
        return self._synthesized / f"{clip.name}.npy"
