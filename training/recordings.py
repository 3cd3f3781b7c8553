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
from shared.tensors import Float32Array
from synthesizer_service.text import normalize, speakable, text_to_ids
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
    folder = folder.resolve()  # its name may be a speaker's
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
    metadata = folder / "metadata.csv"
    for number, line in enumerate(metadata.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, *columns = line.split("|")
        if not columns:
            raise TrainingError(f"{metadata}, line {number} is no ID|text: {line!r}")
        yield Recording(folder / "wavs" / f"{name}.wav", columns[-1], folder.name)


def add_recordings(source: Path, folder: ClipFolder) -> Iterator[Clip]:
    """Copy in what is not there yet, as the models hear it, one by one as they are asked for.

    The texts are written as the synthesizer reads them. A recording that is missing, cannot be
    read, is silent or has a text without a letter is left out, with a warning.
    """
    for recording in recordings_in(source):
        if folder.has(recording.name):
            continue
        try:
            wav = _heard(recording)
        except (ApiError, OSError, TrainingError) as error:
            log.warning("%s is left out: %s", recording.sound, error)
            continue
        clip = Clip(recording.name, normalize(recording.text), recording.voice, len(wav))
        folder.add(clip, wav)
        yield clip


def _heard(recording: Recording) -> Float32Array:
    """[n] at 16 kHz. Raises TrainingError for nothing heard or nothing said, ApiError, OSError."""
    if not speakable(text_to_ids(recording.text)):
        raise TrainingError(f"its text {recording.text!r} holds no letter that is read")
    sound = read_sound(recording.sound.read_bytes(), MAX_SECONDS)
    wav = tidy(resample(sound.wav, sound.rate))
    if not len(wav):
        raise TrainingError("it is silent")
    return wav
