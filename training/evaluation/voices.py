"""The voices that an evaluation speaks in, and the recordings that it has made anew."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training.data.recordings import recordings_in
from training.errors import TrainingError

MAX_SECONDS = 60.0  # of a clip
REFERENCE_SECONDS = 5.0  # at least, where the voice has such a recording
COPIES = 2
"""Recordings of a voice that are made anew."""


@dataclass(frozen=True)
class Recorded:
    """A clip of a voice, [n] at 16 kHz. text: what is said in it, None where nobody wrote it."""

    wav: Float32Array
    text: str | None = None

    @property
    def seconds(self) -> float:
        return len(self.wav) / MEL_FORMAT.sample_rate


@dataclass(frozen=True)
class Voice:
    """reference: the clip that the voice is taken from. clips: those to be made anew."""

    name: str
    reference: Recorded
    clips: tuple[Recorded, ...]


def read_voices(paths: Sequence[Path]) -> list[Voice]:
    """A voice for each sound file, by its name; the clip is copied, too. Raises TrainingError,
    ApiError, OSError."""
    voices = dict[str, Voice]()
    for path in paths:
        if path.stem in voices:
            raise TrainingError(f"two clips are called {path.stem}; rename one: {path}")
        clip = _read(path)
        voices[path.stem] = Voice(path.stem, clip, (clip,))
    return list(voices.values())


def recorded_voices(folder: Path) -> list[Voice]:
    """A voice for each speaker in recordings with transcripts, as `recordings_in` finds them.

    The reference is the first recording of five seconds, or the longest if there is none; of the
    others, the first two are copied. Raises TrainingError, ApiError, OSError.
    """
    speakers = dict[str, list[Recorded]]()
    for recording in recordings_in(folder):
        clip = _read(recording.sound, recording.text)
        speakers.setdefault(recording.voice, []).append(clip)
    voices = []
    for name, clips in speakers.items():
        long = [clip for clip in clips if clip.seconds >= REFERENCE_SECONDS]
        reference = long[0] if long else max(clips, key=lambda clip: clip.seconds)
        others = [clip for clip in clips if clip is not reference] or clips
        voices.append(Voice(name, reference, tuple(others[:COPIES])))
    return voices


def clips_in_turn(voices: Sequence[Voice]) -> Iterator[tuple[str, Recorded]]:
    """The name of a voice and a clip to be copied: the first of each, then the second."""
    for clips in zip_longest(*(voice.clips for voice in voices)):
        for voice, clip in zip(voices, clips, strict=True):
            if clip is not None:
                yield voice.name, clip


def _read(path: Path, text: str | None = None) -> Recorded:
    sound = read_sound(path.read_bytes(), MAX_SECONDS)
    return Recorded(resample(sound.wav, sound.rate), text)
