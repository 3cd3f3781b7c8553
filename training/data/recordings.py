"""Recordings with transcripts, in the layouts of LJSpeech, LibriTTS and LibriSpeech.

LJSpeech      metadata.csv with lines "ID|written|spoken", and wavs/ID.wav; one speaker
LibriTTS      .../SPEAKER/CHAPTER/NAME.wav and NAME.normalized.txt; chapters are optional
LibriSpeech   .../SPEAKER/CHAPTER/ID.flac, or another format, and SPEAKER-CHAPTER.trans.txt with
              lines "ID TEXT", in capital letters without punctuation
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from encoder_service.preprocess import resample
from shared.audio.files import read_sound
from shared.audio.mel import MEL_FORMAT
from shared.http.errors import ApiError
from shared.http.tensors import Float32Array
from synthesizer_service.text import normalize, speakable, text_to_ids
from training import TrainingError
from training.data.clips import WHOLE, Clip, ClipFolder, Shard
from training.data.phrases import MAX_SECONDS as MAX_PHRASE_SECONDS
from training.data.phrases import Phrase, phrases
from training.data.waveforms import trim_and_normalise
from training.evaluation.recognition import TimedWord

log = logging.getLogger("better")

MAX_SECONDS = 60
LIBRITTS, LIBRISPEECH = ".normalized.txt", ".trans.txt"
LIBRISPEECH_SOUNDS = (".flac", ".opus", ".wav", ".mp3")

Recognise = Callable[[Float32Array], Sequence[TimedWord]]
"""Returns the words in a sound at 16 kHz, with their times."""


@dataclass(frozen=True)
class Recording:
    sound: Path
    text: str
    voice: str

    @property
    def name(self) -> str:
        return f"{self.voice}-{self.sound.stem}"


@dataclass(frozen=True)
class Editing:
    """Edits made to recordings while they are added.

    split: cut those longer than `phrases.MAX_SECONDS` at pauses. punctuate: take the recogniser's
    punctuation.
    """

    recognise: Recognise
    split: bool
    punctuate: bool


@dataclass(frozen=True)
class EditCounts:
    """Counts of edited recordings, with lengths in seconds. The field names are on disk.

    clips: phrases that were kept. misheard: phrases that were dropped, as the recogniser got too
    many words wrong. long: kept phrases above `phrases.MAX_SECONDS`, which have no pause. words: of
    the kept phrases; plain: how many of them the recogniser got wrong.
    """

    recordings: int = 0
    seconds: float = 0.0
    clips: int = 0
    clips_seconds: float = 0.0
    misheard: int = 0
    misheard_seconds: float = 0.0
    long: int = 0
    long_seconds: float = 0.0
    words: int = 0
    plain: int = 0

    def __add__(self, other: "EditCounts") -> "EditCounts":
        names = [field.name for field in fields(self)]
        return EditCounts(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def __str__(self) -> str:
        plain = 100 * self.plain / max(1, self.words)
        return (
            f"{self.recordings} recordings, {_minutes(self.seconds)}, gave {self.clips} clips, "
            f"{_minutes(self.clips_seconds)}; {self.long} of them, {_minutes(self.long_seconds)}, "
            f"are longer than {MAX_PHRASE_SECONDS:g} s; {self.misheard} phrases, "
            f"{_minutes(self.misheard_seconds)}, were dropped as misheard; the recogniser got "
            f"{plain:.1f} % of the remaining words wrong"
        )


def recordings_in(folder: Path) -> Iterator[Recording]:
    """Raises TrainingError for an unknown layout, OSError."""
    folder = folder.resolve()  # the folder's name may be the speaker's
    if (folder / "metadata.csv").exists():
        yield from _ljspeech(folder)
    elif transcripts := sorted(folder.rglob(f"*{LIBRITTS}")):
        for transcript in transcripts:
            sound = transcript.with_name(transcript.name.removesuffix(LIBRITTS) + ".wav")
            yield Recording(sound, transcript.read_text().strip(), _libritts_speaker(sound, folder))
    elif transcripts := sorted(folder.rglob(f"*{LIBRISPEECH}")):
        for transcript in transcripts:
            yield from _librispeech(transcript)
    else:
        raise TrainingError(
            f"{folder} has neither metadata.csv (LJSpeech) nor *{LIBRITTS} (LibriTTS) "
            f"nor *{LIBRISPEECH} files (LibriSpeech)"
        )


def _ljspeech(folder: Path) -> Iterator[Recording]:
    metadata = folder / "metadata.csv"
    for number, line in enumerate(metadata.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, *columns = line.split("|")
        if not columns:
            raise TrainingError(f"{metadata}, line {number} must be ID|TEXT: {line!r}")
        yield Recording(folder / "wavs" / f"{name}.wav", columns[-1], folder.name)


def _libritts_speaker(sound: Path, folder: Path) -> str:
    """The speaker: the start of a LibriTTS file name, else the name of a folder."""
    chapter, speaker = sound.parent.name, sound.parent.parent.name
    prefix = sound.stem.partition("_")[0]
    if prefix in (speaker, chapter):
        return prefix
    has_chapters = len(sound.relative_to(folder).parts) > 2
    return speaker if has_chapters else chapter


def _librispeech(transcript: Path) -> Iterator[Recording]:
    speaker = transcript.name.removesuffix(LIBRISPEECH).rpartition("-")[0]
    if not speaker:
        raise TrainingError(
            f"{transcript} must be named SPEAKER-CHAPTER{LIBRISPEECH}, as in LibriSpeech"
        )
    sounds = {
        file.stem: file for file in transcript.parent.iterdir() if file.suffix in LIBRISPEECH_SOUNDS
    }
    for number, line in enumerate(transcript.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, _, text = line.strip().partition(" ")
        if not text:
            raise TrainingError(f"{transcript}, line {number} must be ID TEXT: {line!r}")
        yield Recording(sounds.get(name, transcript.with_name(f"{name}.flac")), text, speaker)


def add_recordings(
    source: Path, folder: ClipFolder, *, editing: Editing | None = None, shard: Shard = WHOLE
) -> Iterator[Clip]:
    """Add the missing recordings, one clip per iteration, at 16 kHz with normalised texts.

    A recording that is missing, unreadable or silent, or whose text has no letter, is skipped with
    a warning.
    """
    for number, recording in enumerate(recordings_in(source)):
        if number not in shard:
            continue
        clips = _edit(recording, folder, editing) if editing else _copy(recording, folder)
        try:
            yield from clips
        except (ApiError, OSError, TrainingError) as error:
            log.warning("skipped %s: %s", recording.sound, error)


def _copy(recording: Recording, folder: ClipFolder) -> Iterator[Clip]:
    """Raises as `_read`."""
    if folder.has(recording.name):
        return
    wav = trim_and_normalise(_read(recording))
    if not len(wav):
        raise TrainingError("the recording is silent")
    yield _add(folder, recording.name, normalize(recording.text), recording, wav)


def _edit(recording: Recording, folder: ClipFolder, editing: Editing) -> Iterator[Clip]:
    """Raises as `_read`."""
    if folder.has_counts(recording.name):
        return
    wav = _read(recording)
    found = phrases(
        wav,
        recording.text,
        editing.recognise(wav),
        split=editing.split,
        punctuate=editing.punctuate,
    )
    for number, phrase in enumerate(found):
        if phrase.reliable and len(sound := trim_and_normalise(wav[phrase.start : phrase.end])):
            yield _add(folder, f"{recording.name}-{number}", phrase.text, recording, sound)
    folder.add_counts(recording.name, asdict(_count(found, len(wav))))


def _add(folder: ClipFolder, name: str, text: str, recording: Recording, wav: Float32Array) -> Clip:
    clip = Clip(name, text, recording.voice, len(wav))
    folder.add(clip, wav)
    return clip


def _read(recording: Recording) -> Float32Array:
    """[n] at 16 kHz. Raises TrainingError for a text without letters, ApiError, OSError."""
    if not speakable(text_to_ids(recording.text)):
        raise TrainingError(f"the text {recording.text!r} has no readable letter")
    sound = read_sound(recording.sound.read_bytes(), MAX_SECONDS)
    return resample(sound.wav, sound.rate)


def _count(found: Sequence[Phrase], samples: int) -> EditCounts:
    kept = [phrase for phrase in found if phrase.reliable]
    misheard = [phrase for phrase in found if not phrase.reliable]
    long = [phrase for phrase in kept if _seconds([phrase]) > MAX_PHRASE_SECONDS]
    return EditCounts(
        recordings=1,
        seconds=samples / MEL_FORMAT.sample_rate,
        clips=len(kept),
        clips_seconds=_seconds(kept),
        misheard=len(misheard),
        misheard_seconds=_seconds(misheard),
        long=len(long),
        long_seconds=_seconds(long),
        words=sum(phrase.words for phrase in kept),
        plain=sum(phrase.misheard for phrase in kept),
    )


def _seconds(found: Sequence[Phrase]) -> float:
    return sum(phrase.end - phrase.start for phrase in found) / MEL_FORMAT.sample_rate


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes"


def total_counts(folder: ClipFolder) -> EditCounts:
    """The counts of all recordings edited into the folder, by this run and earlier ones."""
    return sum((EditCounts(**counts) for counts in folder.counts()), EditCounts())
