from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli.main import better
from client.chain import Chain
from shared.stop_signals import StopSignal
from tests.support.epubs import epub3, many_chapters
from tests.support.stand_ins import StandIns


def run(book: Path, *options: str | Path) -> Result:
    out = book.with_name("book.m4b")
    arguments = ["book", str(book), "--voice", "rowan", "--out", str(out), *map(str, options)]
    return CliRunner().invoke(better, arguments)


def spoken(stand_ins: StandIns) -> list[str]:
    return [request.json["text"] for request in stand_ins.synthesizer.received]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.epub"
    path.write_bytes(epub3())
    return path


def test_epub_becomes_an_m4b_with_its_chapters(book: Path, stand_ins: StandIns) -> None:
    result = run(book)
    assert result.exit_code == 0, result.output
    with av.open(book.with_name("book.m4b")) as made:
        names = [mark["metadata"]["title"] for mark in made.chapters()]
        assert names == ["The Ferry", "The Lamp", "The Storm"]
        assert made.metadata["title"] == "The Quiet Harbour"
    assert not book.with_name("book.m4b.chapters").exists()
    assert "3 of 3: The Storm" in result.output


def test_chosen_chapters_alone_are_read(book: Path, stand_ins: StandIns) -> None:
    result = run(book, "--chapters", "2")
    assert result.exit_code == 0
    assert "1 chapter, about" in result.output
    assert "Morning." in spoken(stand_ins)
    assert not any("Storm" in text for text in spoken(stand_ins))


def test_list_shows_chapters_and_speaks_nothing(book: Path, stand_ins: StandIns) -> None:
    result = run(book, "--list")
    assert "2  The Lamp" in result.output
    assert not stand_ins.synthesizer.received


def test_list_needs_neither_voice_nor_output(book: Path) -> None:
    result = CliRunner().invoke(better, ["book", str(book), "--list"])
    assert result.exit_code == 0
    assert "3  The Storm" in result.output


def test_voice_and_output_are_needed_to_speak(book: Path) -> None:
    result = CliRunner().invoke(better, ["book", str(book)])
    assert result.exit_code == 2
    assert "--voice and --out are needed" in result.output


def test_changed_chapter_alone_is_made_again(book: Path, stand_ins: StandIns) -> None:
    book.write_bytes(many_chapters(3))
    assert run(book, "--keep-chapters").exit_code == 0
    folder = book.with_name("book.m4b.chapters")
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    before = len(spoken(stand_ins))
    changed = book.with_suffix(".html")
    changed.write_text(
        "<h2>Chapter 1</h2><p>It rained.</p><h2>Chapter 2</h2><p>Sun!</p>"
        "<h2>Chapter 3</h2><p>It rained.</p>"
    )
    assert run(changed, "--keep-chapters").exit_code == 0
    assert spoken(stand_ins)[before:] == ["Chapter 2", "Sun!"]
    assert all((folder / name).read_bytes() == content for name, content in kept.items())


def test_chapters_of_other_weights_are_made_again(book: Path, stand_ins: StandIns) -> None:
    book.write_bytes(many_chapters(2))
    stand_ins.synthesizer.weights = "old"
    assert run(book, "--keep-chapters").exit_code == 0
    assert run(book, "--keep-chapters").exit_code == 0
    assert len(spoken(stand_ins)) == 4
    stand_ins.synthesizer.weights = "new"

    result = run(book, "--keep-chapters")

    assert "chapter 2 is made again: the services' weights have changed since" in result.output
    assert len(spoken(stand_ins)) == 8
    assert len([*book.with_name("book.m4b.chapters").iterdir()]) == 2


def test_lines_of_a_text_file_change_the_voice(tmp_path: Path, stand_ins: StandIns) -> None:
    book = tmp_path / "book.txt"
    book.write_text("Chapter 1\n\nIt rained.\n\n[voice: ash(2)+birch]\nWho is there?")

    result = run(book)

    assert result.exit_code == 0, result.output
    assert spoken(stand_ins) == ["Chapter 1", "It rained.", "Who is there?"]
    assert len(stand_ins.encoder.received) == 3  # rowan, ash and birch


def test_chapter_whose_lines_change_voices_is_made_again_if_a_voice_does(
    tmp_path: Path, stand_ins: StandIns
) -> None:
    book = tmp_path / "book.md"
    book.write_text("# One\n\nIt rained.\n\n# Two\n\n[voice: ash]\nSun.")
    assert run(book, "--keep-chapters").exit_code == 0
    before = len(spoken(stand_ins))
    book.write_text("# One\n\nIt rained.\n\n# Two\n\n[voice: ash+birch]\nSun.")
    assert run(book).exit_code == 0
    assert spoken(stand_ins)[before:] == ["Two", "Sun."]


def test_chapter_in_another_script_is_named_before_the_work(
    tmp_path: Path, stand_ins: StandIns
) -> None:
    book = tmp_path / "book.md"
    book.write_text("# One\n\nIt rained.\n\n# Two\n\n" + "비가 왔다. " * 20)
    result = run(book)
    assert result.exit_code == 1
    assert "chapter 2 (Two)" in result.output
    assert not stand_ins.synthesizer.received


def test_stopped_run_goes_on_after_its_last_chapter(book: Path, stand_ins: StandIns) -> None:
    book.write_bytes(many_chapters(2))
    assert run(book, "--chapters", "1", "--keep-chapters").exit_code == 0
    before = len(spoken(stand_ins))
    assert run(book).exit_code == 0
    assert "Chapter 1" not in spoken(stand_ins)[before:]
    with av.open(book.with_name("book.m4b")) as made:
        frames = [frame.to_ndarray() for frame in made.decode(audio=0)]
    assert np.concatenate(frames, axis=1).size > 0


def test_interrupted_run_says_how_to_go_on(
    book: Path, stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*call: object) -> None:
        raise StopSignal(130)

    monkeypatch.setattr(Chain, "speak_pieces", interrupt)
    result = run(book)
    assert result.exit_code == 130
    assert "The same command goes on after the last finished chapter" in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--chapters", "9"], "no chapter 9; the book has chapters 1 to 3"),
        (["--chapters", "0"], "counted from 1"),
        (["--chapters", "x"], "not a chapter or a range"),
        (["--out", "book.pdf"], "must end in .m4b, .mp3, .zip"),
        (["--voice", "nobody"], "nobody"),
        (["--out", "/nowhere/book.m4b"], "no folder"),
    ],
)
def test_bad_option_is_refused_before_the_work(
    book: Path, stand_ins: StandIns, options: list[str], said: str
) -> None:
    result = run(book, *options)
    assert result.exit_code != 0
    assert said in result.output
    assert not stand_ins.synthesizer.received


def test_protected_or_damaged_book_is_refused_by_name(book: Path, stand_ins: StandIns) -> None:
    book.write_bytes(epub3()[:200])
    result = run(book)
    assert result.exit_code != 0
    assert "damaged" in result.output
    assert "Traceback" not in result.output
