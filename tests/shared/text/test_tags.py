"""Tags of HTML and SSML in blocks; test_markup.py has many more texts."""

import pytest

from shared.text.blocks import Block, MarkupError, tidy
from shared.text.spans import SpannedText
from shared.text.tags import TagReader, paired_names


def said(*texts: str, reader: TagReader | None = None) -> list[str]:
    blocks = [Block(SpannedText.plain(text), 0.7) for text in texts]
    found = tidy((reader or TagReader()).read(blocks))
    return [" ".join(block.content.text.split()) for block in found]


def test_element_that_stays_open_hides_the_next_blocks_too() -> None:
    assert said("a <script>x", "y", "z</script> b") == ["a", "b"]


def test_alias_stands_in_the_place_of_its_source() -> None:
    text = 'the <sub alias="World Wide Web">WWW</sub> is old'
    (block,) = TagReader().read([Block(SpannedText.plain(text), 0)])

    alias = next(run for run in block.content.runs if run.text == "World Wide Web")

    assert text[alias.start : alias.end] == "WWW"


def test_lines_are_folded_only_where_asked_for() -> None:
    (plain,) = TagReader().read([Block(SpannedText.plain("a\nb"), 0)])
    (folded,) = TagReader(folds_lines=True).read([Block(SpannedText.plain("a\nb"), 0)])
    assert (plain.content.text, folded.content.text) == ("a\nb", "a b")


def test_unknown_elements_are_text_unless_they_are_named() -> None:
    assert said("<ann>x</ann>") == ["<ann>x</ann>"]
    assert said("<ann>x</ann>", reader=TagReader(others=frozenset({"ann"}))) == ["x"]


def test_names_of_elements_that_are_closed() -> None:
    assert paired_names("<A>x</a> <b>y <c/> </d>") == {"a"}


@pytest.mark.parametrize("mark", ["[pause:11s]", "<break time='10001ms'/>"])
def test_pause_that_is_too_long_is_an_error_with_its_place(mark: str) -> None:
    with pytest.raises(MarkupError, match="at character 3 is too long; a pause lasts at most 10 s"):
        said(f"Hi {mark} you")
