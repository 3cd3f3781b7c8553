import pytest

from gateway_service.books.book import BookError, DamagedBook
from gateway_service.books.reading import read_book
from tests.support.epubs import epub3, page


def titles(data: str | bytes, name: str) -> list[str]:
    content = data.encode() if isinstance(data, str) else data
    return [chapter.title for chapter in read_book(content, name).chapters]


def test_plain_text_is_cut_at_headings_that_stand_alone() -> None:
    text = (
        "Prologue\n\nIt rained.\n\nChapter 1: Rain\n\nChapter 2 of the talk was dull.\nWet.\n\n"
        "CHAPTER II\n\nSun."
    )
    assert titles(text, "a.txt") == ["Prologue", "Chapter 1: Rain", "CHAPTER II"]


def test_plain_text_without_headings_is_one_chapter() -> None:
    assert titles("It rained.\n\nThen it did not.", "a.txt") == [""]


def test_markdown_is_cut_at_headings_outside_code() -> None:
    text = (
        "# The Book\n\nHello.\n\n## One\n\nText.\n\n```\n# no heading\n```\n\n### Deep\n\n"
        "## Two ##\n\nMore."
    )
    book = read_book(text.encode(), "a.md")
    assert book.title == "The Book"
    assert [chapter.title for chapter in book.chapters] == ["", "One", "Two"]
    assert book.text_format == "markdown"


def test_html_is_cut_at_headings() -> None:
    html = page("<p>First.</p><h1>One</h1><p>Text.</p><h2>Two</h2><p>More.</p>", title="A Page")
    book = read_book(html.encode(), "a.html")
    assert book.title == "A Page"
    assert [(c.title, c.text) for c in book.chapters] == [
        ("", "First."),
        ("One", "One\n\nText."),
        ("Two", "Two\n\nMore."),
    ]


def test_html_tells_its_author_and_language() -> None:
    html = "<html lang='en-GB'><head><meta name='Author' content='Ada  Birch'></head><p>Hi."
    book = read_book(html.encode(), "a.html")
    assert (book.author, book.language) == ("Ada Birch", "en-GB")


def test_epub_is_known_by_its_content_too() -> None:
    assert titles(epub3(), "book.bin") == ["The Ferry", "The Lamp", "The Storm"]


def test_utf_16_with_a_mark_is_read() -> None:
    assert read_book("Grüße.".encode("utf-16"), "a.txt").chapters[0].text == "Grüße."


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        ("Grüße".encode("latin-1"), DamagedBook, "UTF-8"),
        (b"a\0b", DamagedBook, "not text"),
        (b"%PDF-1.7", BookError, "PDF"),
        (b" \n * ", BookError, "no text"),
    ],
)
def test_unreadable_file_is_refused_by_name(data: bytes, error: type[BookError], said: str) -> None:
    with pytest.raises(error, match=said):
        read_book(data, "a.txt")
