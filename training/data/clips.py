"""The folder of training data.

    clips/NAME.flac       16 kHz
    clips/NAME.json       text, voice, samples
    features/NAME.npz     the clip's mel [80, T] and embedding [256]
    synthesized/NAME.npy  a synthesizer's mel of the clip [80, T], optional
    recordings/NAME.json  counts of a recording that was edited into any number of clips

Files are written atomically: any number of processes may fill a folder, be killed and continue.
"""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from shared.atomic_files import replacing
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training import TrainingError

log = logging.getLogger("better")

AUGMENTED_SUFFIX = "-variant"  # and the seed; ends names and voices of augmented clips
_SYNTHETIC_VOICE = re.compile(rf"\w+-\d+-\d{{6}}({AUGMENTED_SUFFIX}-\d+)*")


@dataclass(frozen=True)
class Shard:
    """The part of a job that one process does: items i with i % of == index."""

    index: int = 0
    of: int = 1

    @classmethod
    def parsed(cls, text: str) -> "Shard":
        """Parse "1/2", the second of two. Raises TrainingError."""
        try:
            index, of = map(int, text.split("/"))
        except ValueError:
            index, of = 0, 0
        if not 0 <= index < of:
            raise TrainingError(f"--shard is {text!r}, must be like 0/2 or 1/2")
        return cls(index, of)

    def __contains__(self, item: int) -> bool:
        return item % self.of == self.index


WHOLE = Shard()


@dataclass(frozen=True)
class Clip:
    name: str
    text: str
    voice: str
    """The speaker's name, shared by all their clips."""
    samples: int

    @property
    def frames(self) -> int:
        return 1 + self.samples // MEL_FORMAT.hop_length

    @property
    def seconds(self) -> float:
        return self.samples / MEL_FORMAT.sample_rate

    @property
    def is_synthetic(self) -> bool:
        """True for speech of a TTS system, which the voice's name tells from recordings."""
        return _SYNTHETIC_VOICE.fullmatch(self.voice) is not None


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
        return self._sound_file(name).exists()

    def add(self, clip: Clip, wav: Float32Array) -> None:
        """Write a clip. wav: [n] in ±1 at 16 kHz. A clip exists once its sound does, so that is
        written last."""
        self._clips.mkdir(parents=True, exist_ok=True)
        with replacing(self._clips / f"{clip.name}.json") as part:
            part.write_text(json.dumps(asdict(clip)))
        with replacing(self._sound_file(clip.name)) as part:
            soundfile.write(part, wav, MEL_FORMAT.sample_rate, format="FLAC")

    def clips(self) -> Iterator[Clip]:
        """All clips, sorted by name."""
        for path in sorted(self._clips.glob("*.flac")):
            yield self.clip(path.stem)

    def require_clips(self) -> list[Clip]:
        """All clips. Raises TrainingError for an empty folder."""
        clips = list(self.clips())
        if not clips:
            raise TrainingError(f"{self.folder} holds no clips; run `better train data` first")
        return clips

    def clip(self, name: str) -> Clip:
        return Clip(**json.loads(self._sound_file(name).with_suffix(".json").read_text()))

    def wav(self, clip: Clip, start: int = 0, samples: int = -1) -> Float32Array:
        """[samples] from `start`, or all, in ±1 at 16 kHz."""
        file = self._sound_file(clip.name)
        wav: Float32Array = soundfile.read(file, samples, start, dtype="float32")[0]
        return wav

    def has_features(self, clip: Clip) -> bool:
        return self._feature_file(clip).exists()

    def add_features(self, clip: Clip, features: Features) -> None:
        """Write a clip's features, the mel in float16: steps of 0.002 at most."""
        self._features.mkdir(exist_ok=True)
        with replacing(self._feature_file(clip)) as part, part.open("wb") as file:
            np.savez(file, mel=features.mel.astype(np.float16), embed=features.embed)

    def features(self, clip: Clip) -> Features:
        with np.load(self._feature_file(clip)) as stored:
            return Features(stored["mel"].astype(np.float32), stored["embed"])

    def has_synthesized(self, clip: Clip) -> bool:
        return self._synthesized_file(clip).exists()

    def add_synthesized(self, clip: Clip, mel: Float32Array) -> None:
        """Write a synthesizer's mel of a clip. mel: [80, T], T as in the clip."""
        self._synthesized.mkdir(exist_ok=True)
        with replacing(self._synthesized_file(clip)) as part, part.open("wb") as file:
            np.save(file, mel.astype(np.float16))

    def synthesized(self, clip: Clip) -> Float32Array:
        """[80, T] in ±4."""
        mel: Float32Array = np.load(self._synthesized_file(clip)).astype(np.float32)
        return mel

    def require_synthesized(self, clips: list[Clip]) -> None:
        """Raises TrainingError where no clip has a synthesizer's mel."""
        if not any(map(self.has_synthesized, clips)):
            raise TrainingError(
                f"{self.folder} has no mels of a synthesizer; run `better train features "
                "DATA --synthesizer RUN` first"
            )

    def has_counts(self, recording: str) -> bool:
        return self._counts_file(recording).exists()

    def add_counts(self, recording: str, counts: dict[str, Any]) -> None:
        """Write an edited recording's counts, after its clips: they mark it as done."""
        self._recordings.mkdir(parents=True, exist_ok=True)
        with replacing(self._counts_file(recording)) as part:
            part.write_text(json.dumps(counts))

    def counts(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self._recordings.glob("*.json")):
            yield json.loads(path.read_text())

    def trainable(self, min_frames: int, max_frames: int) -> list[Clip]:
        """Clips with features and a fitting length. Logs a warning if some are left out.

        Raises TrainingError if there is none.
        """
        clips = list(self.clips())
        fitting = [clip for clip in clips if min_frames <= clip.frames <= max_frames]
        trainable = [clip for clip in fitting if self.has_features(clip)]
        length = f"{min_frames} to {max_frames} frames of 12.5 ms"
        if not trainable:
            raise TrainingError(
                f"{self.folder} has no clip of {length} with features; "
                "run `better train data` and `better train features` first"
            )
        if len(trainable) < len(clips):
            log.warning(
                "%s: %d of %d clips are used; %d are not of %s, %d have no features",
                self.folder, len(trainable), len(clips), len(clips) - len(fitting), length,
                len(fitting) - len(trainable),
            )  # fmt: skip
        return trainable

    def _sound_file(self, name: str) -> Path:
        return self._clips / f"{name}.flac"

    def _feature_file(self, clip: Clip) -> Path:
        return self._features / f"{clip.name}.npz"

    def _counts_file(self, recording: str) -> Path:
        return self._recordings / f"{recording}.json"

    def _synthesized_file(self, clip: Clip) -> Path:
        return self._synthesized / f"{clip.name}.npy"
