"""Each line of the corpus, written -> said, as a person would read it."""

from pathlib import Path

import pytest

from synthesizer_service.text import normalize

CORPUS = Path(__file__).with_name("corpus.tsv")


def lines() -> list[tuple[str, str, str]]:
    """(kind, written, said); a line "# kind" begins each kind."""
    found, kind = [], ""
    for line in CORPUS.read_text(encoding="utf-8").splitlines():
        written, tab, said = line.partition("\t")
        if tab:
            found.append((kind, written, said))
        else:
            kind = line.removeprefix("# ")
    return found


LINES = lines()


@pytest.mark.parametrize(("kind", "written", "said"), LINES)
def test_written_is_said_as_a_person_reads_it(kind: str, written: str, said: str) -> None:
    assert normalize(written) == said


def test_corpus_has_three_hundred_lines_each_once() -> None:
    written = [line[1] for line in LINES]
    assert len(set(written)) == len(written) >= 300


@pytest.mark.parametrize("said", sorted({line[2] for line in LINES}))
def test_what_is_said_is_read_as_it_stands(said: str) -> None:
    """Training keeps texts as they are said, and reads them again."""
    if not said.endswith(("eye", "eigh")):  # a letter alone is no word's
        assert normalize(said) == said
