"""Whole documents, piece by piece, as a person would read them.

documents/NAME.txt is a text as it is sent, documents/NAME.said its pieces, one a line.
"""

from pathlib import Path

import pytest

from shared.text.scripts import without_unreadable
from shared.text.sentences import iter_sentences
from synthesizer_service.text import normalize

DOCUMENTS = sorted(Path(__file__).with_name("documents").glob("*.txt"))


def said(text: str) -> list[str]:
    pieces = iter_sentences(text, text_format="auto")
    texts = [without_unreadable(piece.content).text for piece in pieces]
    return [normalize(text) for text in texts if any(map(str.isalnum, text))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_document_is_said_as_a_person_reads_it(document: Path) -> None:
    expected = document.with_suffix(".said").read_text(encoding="utf-8").splitlines()
    assert said(document.read_text(encoding="utf-8")) == expected


def test_there_are_twenty_documents() -> None:
    assert len(DOCUMENTS) >= 20
