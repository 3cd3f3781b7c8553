"""Voices of an evaluation: reference clips, and recordings for copy synthesis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training import TrainingError
from training.data.recordings import recordings_in

MAX_SECONDS = 60.0  # of a clip
MIN_REFERENCE_SECONDS = 5.0  # where the voice has such a recording
MAX_COPIES = 2
"""Recordings copied per voice."""


@dataclass(frozen=True)
class Recorded:
    """A clip of a voice, [n] at 16 kHz. text: its transcript, if there is one."""

    wav: Float32Array
    text: str | None = None

    @property
    def seconds(self) -> float:
        return len(self.wav) / MEL_FORMAT.sample_rate


@dataclass(frozen=True)
class Voice:
    """reference: the clip to clone. clips: those to copy."""

    name: str
    reference: Recorded
    clips: tuple[Recorded, ...]


def read_voices(paths: Sequence[Path]) -> list[Voice]:
    """One voice per sound file, named after it; the clip is copied too.

    Raises TrainingError for two files of one name, ApiError, OSError.
    """
    voices = dict[str, Voice]()
    for path in paths:
        if path.stem in voices:
            raise TrainingError(f"two clips are named {path.stem}; rename one: {path}")
        clip = _read(path)
        voices[path.stem] = Voice(path.stem, clip, (clip,))
    return list(voices.values())


def recorded_voices(folder: Path) -> list[Voice]:
    """One voice per speaker of recordings with transcripts, as `recordings_in` finds them.

    The reference is the first recording of five seconds, else the longest; of the others, the first
    two are copied. Raises TrainingError, ApiError, OSError.
    """
    speakers = dict[str, list[Recorded]]()
    for recording in recordings_in(folder):
        clip = _read(recording.sound, recording.text)
        speakers.setdefault(recording.voice, []).append(clip)
    voices = []
    for name, clips in speakers.items():
        long = [clip for clip in clips if clip.seconds >= MIN_REFERENCE_SECONDS]
        reference = long[0] if long else max(clips, key=lambda clip: clip.seconds)
        others = [clip for clip in clips if clip is not reference] or clips
        voices.append(Voice(name, reference, tuple(others[:MAX_COPIES])))
    return voices


def clips_in_turn(voices: Sequence[Voice]) -> Iterator[tuple[str, Recorded]]:
    """A voice's name and a clip to copy: the first of each voice, then the second."""
    for clips in zip_longest(*(voice.clips for voice in voices)):
        for voice, clip in zip(voices, clips, strict=True):
            if clip is not None:
                yield voice.name, clip


def _read(path: Path, text: str | None = None) -> Recorded:
    sound = read_sound(path.read_bytes(), MAX_SECONDS)
    return Recorded(resample(sound.wav, sound.rate), text)
