"""Recordings with transcripts, in the layouts of LJSpeech and LibriTTS.

LJSpeech   metadata.csv: ID|as written|as read, and wavs/ID.wav; one speaker
LibriTTS   .../SPEAKER/CHAPTER/NAME.wav, beside each NAME.normalized.txt
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from encoder_service.preprocess import resample
from shared.audio import read_sound
from shared.errors import ApiError
from training.clips import Clip, ClipFolder
from training.errors import TrainingError
from training.sound import tidy

log = logging.getLogger("better")

MAX_SECONDS = 60
TRANSCRIPT = ".normalized.txt"


@dataclass(frozen=True)
class Recording:
    sound: Path
    text: str
    voice: str

    @property
    def name(self) -> str:
        return f"{self.voice}-{self.sound.stem}"


def recordings_in(folder: Path) -> Iterator[Recording]:
    """Raises TrainingError for another layout, OSError."""
    if (folder / "metadata.csv").exists():
        yield from _ljspeech(folder)
    elif transcripts := sorted(folder.rglob(f"*{TRANSCRIPT}")):
        for transcript in transcripts:
            sound = transcript.with_name(transcript.name.removesuffix(TRANSCRIPT) + ".wav")
            yield Recording(sound, transcript.read_text().strip(), sound.parts[-3])
    else:
        raise TrainingError(
            f"{folder} has neither metadata.csv (LJSpeech) nor *{TRANSCRIPT} files (LibriTTS)"
        )


def _ljspeech(folder: Path) -> Iterator[Recording]:
    for line in (folder / "metadata.csv").read_text().splitlines():
        name, *_, text = line.split("|")
        yield Recording(folder / "wavs" / f"{name}.wav", text, folder.name)


def add_recordings(source: Path, folder: ClipFolder) -> Iterator[Clip]:
    """Copy in what is not there yet, as the models hear it, one by one as they are asked for.

    A recording that is missing or cannot be read is left out, with a warning.
    """
    for recording in recordings_in(source):
        if folder.has(recording.name):
            continue
        try:
            sound = read_sound(recording.sound.read_bytes(), MAX_SECONDS)
        except (ApiError, OSError) as error:
            log.warning("%s is left out: %s", recording.sound, error)
            continue
        wav = tidy(resample(sound.wav, sound.rate))
        if len(wav):
            clip = Clip(recording.name, recording.text, recording.voice, len(wav))
            folder.add(clip, wav)
            yield clip
