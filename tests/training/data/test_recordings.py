import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile

from shared.http.tensors import Float32Array
from tests.support.tiny_training import tone
from tests.training.data.test_phrases import LONG, RECOGNISED, TRANSCRIPT
from training import TrainingError
from training.data.clips import ClipFolder, Shard
from training.data.recordings import Editing, add_recordings, total_counts
from training.evaluation.recognition import TimedWord


@pytest.fixture
def ljspeech(tmp_path: Path) -> Path:
    root = tmp_path / "LJ"
    (root / "wavs").mkdir(parents=True)
    for name in ("LJ-1", "LJ-2"):
        soundfile.write(root / "wavs" / f"{name}.wav", tone(0), 16_000)
    (root / "metadata.csv").write_text("LJ-1|In 1900.|In nineteen hundred.\nLJ-2|Yes.|Yes.\n")
    return root


@pytest.fixture
def libritts(tmp_path: Path) -> Path:
    root = tmp_path / "libri"
    for speaker in ("84", "174"):
        chapter = root / "dev-clean" / speaker / "121"
        chapter.mkdir(parents=True)
        soundfile.write(chapter / f"{speaker}_121_0.wav", tone(0, frames=20), 24_000)
        (chapter / f"{speaker}_121_0.normalized.txt").write_text("A line.\n")
        (chapter / f"{speaker}_121_0.original.txt").write_text("A l-line.\n")
    return root


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    """Two speakers with a long recording of two phrases each, in two formats."""
    root = tmp_path / "LibriSpeech"
    for speaker, chapter, suffix in (("84", "121", "flac"), ("174", "50561", "ogg")):
        folder = root / "train" / speaker / chapter
        folder.mkdir(parents=True)
        name = f"{speaker}-{chapter}-0000"
        soundfile.write(folder / f"{name}.{suffix}", LONG, 16_000)
        (folder / f"{speaker}-{chapter}.trans.txt").write_text(f"{name} {TRANSCRIPT}\n")
    (folder / f"{name}.ogg").rename(folder / f"{name}.opus")
    return root


class FixedRecogniser:
    """Recognises one text in every sound, and counts its calls."""

    def __init__(self, words: Sequence[TimedWord] = RECOGNISED) -> None:
        self.calls, self._words = 0, words

    def __call__(self, wav: Float32Array) -> Sequence[TimedWord]:
        self.calls += 1
        return self._words


def test_librispeech_has_one_voice_per_speaker_in_any_format(
    librispeech: Path, tmp_path: Path
) -> None:
    folder = ClipFolder(tmp_path / "data")
    assert len([*add_recordings(librispeech, folder)]) == 2
    clips = {clip.voice: clip for clip in folder.clips()}
    assert sorted(clips) == ["174", "84"]
    assert {clip.text for clip in clips.values()} == {TRANSCRIPT.lower()}
    assert all(clip.samples > 9 * 16_000 for clip in clips.values())


def test_edited_recordings_become_phrases_and_are_counted(
    librispeech: Path, tmp_path: Path
) -> None:
    folder = ClipFolder(tmp_path / "data")
    editing = Editing(FixedRecogniser(), split=True, punctuate=True)
    assert len([*add_recordings(librispeech, folder, editing=editing)]) == 4
    assert [clip.text for clip in folder.clips() if clip.voice == "84"] == [
        "the rain had stopped.", "we went out again after supper.",
    ]  # fmt: skip
    counts = total_counts(folder)
    assert (counts.recordings, counts.clips, counts.misheard) == (2, 4, 0)
    assert (counts.words, counts.plain) == (20, 0)
    assert "2 recordings, 0.3 minutes, gave 4 clips" in str(counts)


def test_misheard_recordings_are_dropped_counted_and_not_recognised_again(
    librispeech: Path, tmp_path: Path
) -> None:
    folder, recogniser = ClipFolder(tmp_path / "data"), FixedRecogniser(words=[])
    editing = Editing(recogniser, split=True, punctuate=True)
    assert [*add_recordings(librispeech, folder, editing=editing)] == []
    assert [*add_recordings(librispeech, folder, editing=editing)] == []
    assert recogniser.calls == 2
    assert total_counts(folder).misheard == 2


def test_interrupted_editing_resumes(librispeech: Path, tmp_path: Path) -> None:
    folder, recogniser = ClipFolder(tmp_path / "data"), FixedRecogniser()
    editing = Editing(recogniser, split=True, punctuate=True)
    next(add_recordings(librispeech, folder, editing=editing))  # one of two phrases
    assert len([*folder.clips()]) == 1
    assert len([*add_recordings(librispeech, folder, editing=editing)]) == 4
    assert len([*folder.clips()]) == 4
    assert recogniser.calls == 3


def test_shards_cover_all_recordings(librispeech: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    voices = [
        [clip.voice for clip in add_recordings(librispeech, folder, shard=Shard(index, 2))]
        for index in (0, 1)
    ]
    assert sorted(voices) == [["174"], ["84"]]


@pytest.mark.parametrize(
    ("name", "line", "named"),
    [("84-121", "84-121-0000", "line 1 must be ID TEXT"), ("words", "a b", "SPEAKER-CHAPTER")],
)
def test_transcripts_unlike_librispeechs_are_rejected(
    tmp_path: Path, name: str, line: str, named: str
) -> None:
    (tmp_path / f"{name}.trans.txt").write_text(f"{line}\n")
    with pytest.raises(TrainingError, match=named):
        list(add_recordings(tmp_path, ClipFolder(tmp_path / "data")))


@pytest.mark.parametrize("inside", ["84", "dev-clean/84"])
def test_libritts_without_chapters_keeps_its_speakers(inside: str, tmp_path: Path) -> None:
    speaker = tmp_path / "libri" / inside
    speaker.mkdir(parents=True)
    soundfile.write(speaker / "84_121_0.wav", tone(0, frames=20), 24_000)
    (speaker / "84_121_0.normalized.txt").write_text("A line.\n")
    [clip] = add_recordings(tmp_path / "libri", ClipFolder(tmp_path / "data"))
    assert clip.voice == "84"


def test_ljspeech_is_one_voice_with_the_spoken_texts(ljspeech: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    assert len([*add_recordings(ljspeech, folder)]) == 2
    clips = list(folder.clips())
    assert [clip.text for clip in clips] == ["in nineteen hundred.", "yes."]
    assert {clip.voice for clip in clips} == {"LJ"}


def test_libritts_has_one_voice_per_speaker_at_16_khz(libritts: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    assert len([*add_recordings(libritts, folder)]) == 2
    clips = list(folder.clips())
    assert {clip.voice for clip in clips} == {"84", "174"}
    assert {clip.text for clip in clips} == {"a line."}
    assert all(clip.samples == pytest.approx(4_000 * 16 / 24, abs=2) for clip in clips)


def test_present_recordings_are_not_copied_again(ljspeech: Path, tmp_path: Path) -> None:
    folder = ClipFolder(tmp_path / "data")
    list(add_recordings(ljspeech, folder))
    assert len([*add_recordings(ljspeech, folder)]) == 0


def test_unreadable_recording_is_skipped(
    ljspeech: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (ljspeech / "wavs" / "LJ-1.wav").write_bytes(b"no sound")
    (ljspeech / "wavs" / "LJ-2.wav").unlink()
    soundfile.write(ljspeech / "wavs" / "LJ-3.wav", tone(0), 16_000)
    soundfile.write(ljspeech / "wavs" / "LJ-4.wav", 0 * tone(0), 16_000)
    with (ljspeech / "metadata.csv").open("a") as metadata:
        metadata.write("LJ-3|…|…\n\nLJ-4|Silence.\n")
    with caplog.at_level(logging.WARNING, "better"):
        assert len([*add_recordings(ljspeech, ClipFolder(tmp_path / "data"))]) == 0
    assert len(caplog.records) == 4


def test_line_without_a_text_is_named(ljspeech: Path, tmp_path: Path) -> None:
    (ljspeech / "metadata.csv").write_text("LJ-1|Yes.\nLJ-2\n")
    with pytest.raises(TrainingError, match=r"metadata\.csv, line 2 .*'LJ-2'"):
        list(add_recordings(ljspeech, ClipFolder(tmp_path / "data")))


def test_recordings_are_named_after_their_folder_from_within_it(
    ljspeech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ljspeech)
    clips = list(add_recordings(Path(), ClipFolder(tmp_path / "data")))
    assert [clip.name for clip in clips] == ["LJ-LJ-1", "LJ-LJ-2"]


def test_folder_of_another_layout_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="LJSpeech"):
        list(add_recordings(tmp_path, ClipFolder(tmp_path / "data")))
