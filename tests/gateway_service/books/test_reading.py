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
    assert [chapter.title for chapter in book.chapters] == ["The Book", "One", "Two"]
    assert book.text_format == "markdown"


def test_html_is_cut_at_headings() -> None:
    html = page("<p>First.</p><h1>One</h1><p>Text.</p><h2>Two</h2><p>More.</p>", title="A Page")
    book = read_book(html.encode(), "a.html")
    assert book.title == "A Page"
    assert [(c.title, c.text) for c in book.chapters] == [
        ("A Page", "First."),
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
        ("안녕하세요.".encode("cp949"), DamagedBook, "UTF-8"),
        (b"{\\rtf1 Hi.}", BookError, "RTF"),
        (bytes(60) + b"BOOKMOBI", BookError, "Kindle"),
        (b"<?xml version='1.0'?><FictionBook/>", BookError, "FB2"),
        (b"a\0b", DamagedBook, "not text"),
        (b"%PDF-1.7", BookError, "PDF"),
        (b" \n * ", BookError, "no text"),
    ],
)
def test_unreadable_file_is_refused_by_name(data: bytes, error: type[BookError], said: str) -> None:
    with pytest.raises(error, match=said):
        read_book(data, "a.txt")


W = "It was a dark and stormy night; the rain fell in torrents."


def outline(data: str | bytes, name: str) -> list[tuple[str, str]]:
    """Title and text of each chapter, a space between words."""
    content = data.encode() if isinstance(data, str) else data
    chapters = read_book(content, name).chapters
    return [(chapter.title, " ".join(chapter.text.split())) for chapter in chapters]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"CHAPTER I\nTHE FERRY\n\n{W}\n\nCHAPTER II\nThe Lamp\n\n{W}",
            ["CHAPTER I: THE FERRY", "CHAPTER II: The Lamp"],
        ),
        (
            f"CHAPTER I.\n\nThe Ferry\n\n{W}\n\nCHAPTER II.\n\n{W}",
            ["CHAPTER I: The Ferry", "CHAPTER II"],
        ),
        (f"THE BOOK\n\nby Ada\n\nI.\n\n{W}\n\nII.\n\n{W}\n\nIII.\n\n{W}", ["I.", "II.", "III."]),
        (f"1\n\n{W}\n\n2\n\n{W}", ["1", "2"]),
        (f"ONE\n\n{W}\n\nTwo\n\n{W}", ["ONE", "Two"]),
        (f"I. THE FERRY\n\n{W}\n\nII. THE LAMP\n\n{W}", ["I. THE FERRY", "II. THE LAMP"]),
        (
            f"BOOK ONE\n\nI\n\n{W}\n\nII\n\n{W}\n\nBOOK TWO\n\nI\n\n{W}",
            ["BOOK ONE: I", "II", "BOOK TWO: I"],
        ),
        (f"PART ONE\n\nCHAPTER I\n\n{W}\n\nI\n\n{W}\n\nII\n\n{W}", ["PART ONE: CHAPTER I"]),
        (
            f"Chapter Twenty-One\n========\n\n{W}\n\nChapter  the   Last\n---\n\n{W}",
            ["Chapter Twenty-One", "Chapter the Last"],
        ),
        (
            f"\r\n          CHAPTER 1.  \r\n\r\n{W}\r\n\r\n\r\nEPILOGUE\r\n\r\n{W}",
            ["CHAPTER 1", "EPILOGUE"],
        ),
        (f"Chapter 1\n\n{W}\n12\n\f\nChapter 2\n\n{W}\n13\n\f", ["Chapter 1", "Chapter 2"]),
        (f"# One\n\n{W}\n\n# Two\n\n{W}", ["One", "Two"]),
        ("Chapter 1\n\nYes\n\nChapter 2\n\nNo", ["Chapter 1", "Chapter 2"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_headings_of_plain_text(text: str, expected: list[str]) -> None:
    found = outline(text, "a.txt")
    assert [title for title, _ in found] == expected
    assert not any(number in content for _, content in found for number in ("12", "13"))


@pytest.mark.parametrize(
    "text",
    [
        f"{W}\n\nAct now or never!\n\n{W}",
        f"{W}\n\nPart of me knew.\n\nLetter from home\n\nBook it, he said.",
        f"{W}\n\nI.\n\n{W}",
        "Buy these:\n\n1. Milk\n\n2. Bread",
        f"3\n\n{W}\n\n7\n\n{W}",
    ],
)
def test_lines_that_only_look_like_headings_are_text(text: str) -> None:
    assert outline(text, "a.txt") == [("", " ".join(text.split()))]


@pytest.mark.parametrize(
    "contents",
    [
        "CONTENTS\n\nCHAPTER I\n\nCHAPTER II\n\n",
        "Contents\n\n  Chapter I. The Ferry ..... 5\n  Chapter II. The Lamp ..... 17\n\n",
        "CHAPTER I\nCHAPTER II\nEPILOGUE\n\n",
    ],
)
def test_table_of_contents_of_plain_text_is_left_out(contents: str) -> None:
    text = f"{contents}CHAPTER I\n\n{W}\n\nCHAPTER II\n\n{W}\n\nEPILOGUE\n\n{W}"
    assert outline(text, "a.txt") == [
        (title, f"{title} {W}") for title in ("CHAPTER I", "CHAPTER II", "EPILOGUE")
    ]


def test_text_of_project_gutenberg_is_the_book() -> None:
    text = (
        "\ufeffThe Project Gutenberg eBook of The Book\n\nAt no cost.\n\nTitle: The Book\n\n"
        "Author: Ada Birch\n\nLanguage: English\n\n"
        "*** START OF THE PROJECT GUTENBERG EBOOK THE BOOK ***\n\n\nProduced by Tom Elm and\n"
        "others\n\n[Illustration: A ship]\n\nCONTENTS\n\n CHAPTER I. The Ferry\n"
        " CHAPTER II. The Lamp\n\n\n"
        f"CHAPTER I.\n\nThe Ferry\n\nIt was =late=.[1]\n\n[Illustration]\n\n{W}\n\n"
        "[1] A note.\n\n[Transcriber's Note: kept.]\n\n[Footnote 2: No.]\n\n"
        f"CHAPTER II.\n\n{W}\n\n*** END OF THE PROJECT GUTENBERG EBOOK THE BOOK ***\n\nTerms."
    )
    book = read_book(text.encode(), "a.txt")
    assert (book.title, book.author, book.language) == ("The Book", "Ada Birch", "en")
    assert outline(text, "a.txt") == [
        ("CHAPTER I: The Ferry", f"A ship CHAPTER I. The Ferry It was late. {W}"),
        ("CHAPTER II", f"CHAPTER II. {W}"),
    ]


@pytest.mark.parametrize(
    ("text", "tags", "expected"),
    [
        (
            "---\ntitle: The Book\nauthor:\n  - Ada\n  - Tom\nlang: en\n---\n"
            "# One\n\nHi.\n\n# Two\n\nHo.",
            ("The Book", "Ada, Tom", "en"),
            ["One", "Two"],
        ),
        ('+++\ntitle = "The Book"\n+++\n# One\n\nHi.', ("The Book", "", ""), ["One"]),
        ("% The Book\n% Ada\n\n# One\n\nHi.", ("The Book", "Ada", ""), ["One"]),
        ("The Book\n===\n\nHi.\n\nOne\n---\n\nHi.", ("The Book", "", ""), ["The Book", "One"]),
        ("# The Book\n\n## One\n\nHi.\n\n## Two\n\nHo.", ("The Book", "", ""), ["One", "Two"]),
        (
            "# A\n\n## Part One\n\n### I\n\nHi.\n\n### II\n\nHo.\n\n## Part Two\n\n### I\n\nHe.",
            ("A", "", ""),
            ["Part One: I", "II", "Part Two: I"],
        ),
        ("### One\n\nHi.\n\n### Two\n\nHo.", ("", "", ""), ["One", "Two"]),
        (
            "# **One** {#one .x}\n\nHi.\n\n# [Two](http://x) `2`\n\nHo.",
            ("", "", ""),
            ["One", "Two 2"],
        ),
        ("# One\r\n\r\nHi.\r\n\r\n# Two\r\n\r\nHo.", ("", "", ""), ["One", "Two"]),
        (
            "<!--\n# no\n-->\n\n# One\n\n> # no\n\n- # no\n\n# Two\n\nHo.",
            ("", "", ""),
            ["One", "Two"],
        ),
        ("Chapter 1\n\nHi.\n\nChapter 2\n\nHo.", ("", "", ""), ["Chapter 1", "Chapter 2"]),
        ("# One\n\nHi.\n\n# The End", ("", "", ""), ["One"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_headings_and_tags_of_markdown(
    text: str, tags: tuple[str, str, str], expected: list[str]
) -> None:
    book = read_book(text.encode(), "a.md")
    assert [chapter.title for chapter in book.chapters] == expected
    assert (book.title, book.author, book.language) == tags
    assert "title" not in book.chapters[0].text
    assert "{#" not in book.chapters[0].text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "<h1>The Book</h1><p>By Ada Birch</p><h3>One</h3><p>Hi.</p><h3>Two</h3><p>Ho.</p>",
            ["One", "Two"],
        ),
        (
            "<h1>The Book</h1><h2>One</h2><p>Hi.</p><h3>1.1</h3><p>Ho.</p><h2>Two</h2><p>He.</p>",
            ["One", "Two"],
        ),
        ("<h1></h1><h2><img src=a></h2><p>Hi.</p><h2>One<br>and</h2><p>Ho.</p>", ["", "One and"]),
        (
            "<header><h1>Site</h1></header><main><article><h2>One</h2><p>Hi.</p></article>"
            "<aside><h2>Related</h2></aside></main><footer><h2>About</h2><p>Us.</p></footer>",
            ["One"],
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_headings_of_html(html: str, expected: list[str]) -> None:
    assert titles(html, "a.html") == expected


def test_html_is_known_by_its_content_too() -> None:
    assert titles("<!DOCTYPE html><html><h1>One</h1><p>Hi.</p>", "a.txt") == ["One"]


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_windows_1252_is_read(name: str) -> None:
    declared = "<meta charset=windows-1252>" if name == "a.html" else ""
    text = f"{declared}“Café” – it was a late hour, and the rain fell in torrents…"
    assert outline(text.encode("windows-1252"), name) == [
        ("", "“Café” – it was a late hour, and the rain fell in torrents…")
    ]
