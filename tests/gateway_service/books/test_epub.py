import pytest

from gateway_service.books.book import BookError, DamagedBook, ProtectedBook
from gateway_service.books.epub import MAX_MEMBER_BYTES, read_epub
from tests.support.epubs import CONTAINER, epub2, epub3, many_chapters, page, png, zipped

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
def test_external_entities_are_refused_by_name(name: str) -> None:
    bad = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>&x;</p></html>'
    with pytest.raises(BookError, match="entities"):
        read_epub(epub3(**{name: bad}))


def test_book_of_pictures_is_refused_by_name() -> None:
    pages = dict.fromkeys(["one.xhtml", "two.xhtml", "three.xhtml"], page("<img src='x.png'/>"))
    with pytest.raises(BookError, match="no text"):
        read_epub(epub3(**pages))
