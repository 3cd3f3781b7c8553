"""Recordings with transcripts, in the layouts of LJSpeech, LibriTTS and LibriSpeech.

LJSpeech      metadata.csv: ID|as written|as read, and wavs/ID.wav; one speaker
LibriTTS      .../SPEAKER/CHAPTER/NAME.wav, beside each NAME.normalized.txt; or without chapters
LibriSpeech   .../SPEAKER/CHAPTER/ID.flac, or another format, and SPEAKER-CHAPTER.trans.txt:
              a line "ID AS READ" for each, in capital letters without marks
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
from training.data.clips import Clip, ClipFolder
from training.data.phrases import MAX_SECONDS as MAX_PHRASE_SECONDS
from training.data.phrases import Phrase, phrases
from training.data.sound import tidy
from training.data.teacher import Share
from training.errors import TrainingError
from training.evaluation.recognition import HeardWord

log = logging.getLogger("better")

MAX_SECONDS = 60
LIBRITTS, LIBRISPEECH = ".normalized.txt", ".trans.txt"
LIBRISPEECH_SOUNDS = (".flac", ".opus", ".wav", ".mp3")

ALL = Share()

Listen = Callable[[Float32Array], Sequence[HeardWord]]
"""The words of a sound at 16 kHz, and when they are spoken."""


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
    """Changes to recordings on the way in.

    split: those longer than `phrases.MAX_SECONDS` are cut at pauses. punctuate: their marks become
    the recogniser's.
    """

    listen: Listen
    split: bool
    punctuate: bool


@dataclass(frozen=True)
class Kept:
    """Counts of edited recordings, and their lengths in seconds.

    misheard: of phrases that were left out, for the recogniser understood others. long: of those
    that stay longer than `phrases.MAX_SECONDS`, for want of a pause. words: of the clips; plain:
    how many of them the recogniser took for others, so that its writing says little of them.
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

    def __add__(self, other: "Kept") -> "Kept":
        names = [field.name for field in fields(self)]
        return Kept(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def __str__(self) -> str:
        recorded = f"{self.recordings} recordings, {self.seconds / 60:.1f} minutes"
        plain = 100 * self.plain / max(1, self.words)
        return (
            f"of {recorded}, {self.clips} clips, {self.clips_seconds / 60:.1f} minutes, are kept; "
            f"{self.long} of them, {self.long_seconds / 60:.1f} minutes, are longer than "
            f"{MAX_PHRASE_SECONDS:g} s; {self.misheard} phrases, "
            f"{self.misheard_seconds / 60:.1f} minutes, are left out as misheard; of the words "
            f"kept the recogniser took {plain:.1f} % for others"
        )


def recordings_in(folder: Path) -> Iterator[Recording]:
    """Raises TrainingError for another layout, OSError."""
    folder = folder.resolve()  # its name may be a speaker's
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
            raise TrainingError(f"{metadata}, line {number} is no ID|text: {line!r}")
        yield Recording(folder / "wavs" / f"{name}.wav", columns[-1], folder.name)


def _libritts_speaker(sound: Path, folder: Path) -> str:
    """LibriTTS begins its files' names with the speaker; others' folders alone tell."""
    chapter, speaker = sound.parent.name, sound.parent.parent.name
    named = sound.stem.partition("_")[0]
    if named in (speaker, chapter):
        return named
    has_chapters = len(sound.relative_to(folder).parts) > 2
    return speaker if has_chapters else chapter


def _librispeech(transcript: Path) -> Iterator[Recording]:
    speaker = transcript.name.removesuffix(LIBRISPEECH).rpartition("-")[0]
    if not speaker:
        raise TrainingError(
            f"{transcript} is not called SPEAKER-CHAPTER{LIBRISPEECH}, as in LibriSpeech"
        )
    sounds = {
        file.stem: file for file in transcript.parent.iterdir() if file.suffix in LIBRISPEECH_SOUNDS
    }
    for number, line in enumerate(transcript.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, _, text = line.strip().partition(" ")
        if not text:
            raise TrainingError(f"{transcript}, line {number} is no ID TEXT: {line!r}")
        yield Recording(sounds.get(name, transcript.with_name(f"{name}.flac")), text, speaker)


def add_recordings(
    source: Path, folder: ClipFolder, *, editing: Editing | None = None, share: Share = ALL
) -> Iterator[Clip]:
    """Copy in what is not there yet, as the models hear it, one by one as they are asked for.

    The texts are written as the synthesizer reads them. A recording that is missing, cannot be
    read, is silent or has a text without a letter is left out, with a warning. share: of the
    recordings.
    """
    for number, recording in enumerate(recordings_in(source)):
        if number % share.of != share.index:
            continue
        add = _edited(recording, folder, editing) if editing else _copied(recording, folder)
        try:
            yield from add
        except (ApiError, OSError, TrainingError) as error:
            log.warning("%s is left out: %s", recording.sound, error)


def _copied(recording: Recording, folder: ClipFolder) -> Iterator[Clip]:
    """Raises as `_heard`."""
    if folder.has(recording.name):
        return
    wav = tidy(_heard(recording))
    if not len(wav):
        raise TrainingError("it is silent")
    yield _added(folder, recording.name, normalize(recording.text), recording, wav)


def _edited(recording: Recording, folder: ClipFolder, editing: Editing) -> Iterator[Clip]:
    """Raises as `_heard`."""
    if folder.has_kept(recording.name):
        return
    wav = _heard(recording)
    found = phrases(
        wav,
        recording.text,
        editing.listen(wav),
        split=editing.split,
        punctuate=editing.punctuate,
    )
    for number, phrase in enumerate(found):
        if phrase.understood and len(sound := tidy(wav[phrase.start : phrase.end])):
            yield _added(folder, f"{recording.name}-{number}", phrase.text, recording, sound)
    folder.add_kept(recording.name, asdict(_kept(found, len(wav))))


def _added(
    folder: ClipFolder, name: str, text: str, recording: Recording, wav: Float32Array
) -> Clip:
    clip = Clip(name, text, recording.voice, len(wav))
    folder.add(clip, wav)
    return clip


def _heard(recording: Recording) -> Float32Array:
    """[n] at 16 kHz. Raises TrainingError for nothing heard or nothing said, ApiError, OSError."""
    if not speakable(text_to_ids(recording.text)):
        raise TrainingError(f"its text {recording.text!r} holds no letter that is read")
    sound = read_sound(recording.sound.read_bytes(), MAX_SECONDS)
    return resample(sound.wav, sound.rate)


def _kept(found: Sequence[Phrase], samples: int) -> Kept:
    kept = [phrase for phrase in found if phrase.understood]
    misheard = [phrase for phrase in found if not phrase.understood]
    long = [phrase for phrase in kept if _seconds([phrase]) > MAX_PHRASE_SECONDS]
    return Kept(
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


def kept_of_recordings(folder: ClipFolder) -> Kept:
    """Counts of all that were edited into the folder, by this run or others."""
    return sum((Kept(**kept) for kept in folder.kept()), Kept())
