"""Markup to plain text and pauses: Markdown, HTML and SSML tags, entities, `[pause:1.5s]`.

A text is split into blocks: paragraphs, headings, list items, table cells, lines of code, and the
text between tags that separate sentences. No sentence crosses the end of a block. Characters keep
their place in the source (`spans.py`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from shared.text.blocks import PARAGRAPH_PAUSE, Block, tidy
from shared.text.faces import NOTHING
from shared.text.markdown import read_markdown
from shared.text.spans import SpannedText
from shared.text.tags import TagReader, paired_names
from shared.text.unspoken import without_unspoken

TextFormat = Literal["auto", "plain", "markdown", "ssml"]
"""auto: SSML or HTML if the text begins like such a document, else Markdown with tags and entities.
plain: every character is text."""

_DOCUMENT = re.compile(r"\s*(?:<\?xml\b|<!doctype\s+html|<html\b|<speak\b)", re.IGNORECASE)


def read_markup(text: str, text_format: TextFormat = "auto") -> Iterator[Block]:
    """The blocks of a text, in order and without blank ones.

    Raises MarkupError for a pause longer than MAX_PAUSE_SECONDS.
    """
    if text_format == "plain":
        blocks: Iterable[Block] = _paragraphs(text)
    elif text_format == "ssml" or (text_format == "auto" and is_document(text)):
        reader = TagReader(folds_lines=True, others=paired_names(text))
        blocks = reader.read([Block(SpannedText.plain(text), 0.0)])
    else:
        text = without_unspoken(text)
        reader = TagReader(others=paired_names(text))
        blocks = map(_without_blanks, reader.read(read_markdown(text)))
    return tidy(blocks)


def is_document(text: str) -> bool:
    """True for a text that begins as an SSML, HTML or XML document."""
    return _DOCUMENT.match(text) is not None


_BETWEEN_PARAGRAPHS = re.compile(r"\n[^\S\n]*+\n\s*+")


_STRETCH = re.compile(f"(?:(?<={NOTHING}) )?(?P<kept>[^{NOTHING}]+)")


def _without_blanks(block: Block) -> Block:
    """Drop the placeholders of faces."""
    content = block.content
    if NOTHING not in content.text:
        return block
    kept = [stretch.span("kept") for stretch in _STRETCH.finditer(content.text)]
    return replace(block, content=SpannedText(run for span in kept for run in content.cut(*span)))


def _paragraphs(text: str) -> Iterator[Block]:
    start = 0
    for between in _BETWEEN_PARAGRAPHS.finditer(text):
        yield Block(SpannedText.plain(text[start : between.start()], start), PARAGRAPH_PAUSE)
        start = between.end()
    yield Block(SpannedText.plain(text[start:], start), PARAGRAPH_PAUSE)
