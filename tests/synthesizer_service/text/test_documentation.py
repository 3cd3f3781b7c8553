"""The readings that docs/text.md promises."""

import re
from pathlib import Path

import pytest

from synthesizer_service.text import normalize

TABLE_ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)


def documented_readings() -> list[tuple[str, str]]:
    page = (Path(__file__).parents[3] / "docs/text.md").read_text(encoding="utf-8")
    words = page.partition("## What is read")[2]
    return [(text, said) for text, said in TABLE_ROW.findall(words) if text != "input"]


@pytest.mark.parametrize(("text", "said"), documented_readings())
def test_documented_reading_is_what_is_read(text: str, said: str) -> None:
    assert normalize(text) == said


def test_docs_show_every_kind() -> None:
    assert len(documented_readings()) >= 25
