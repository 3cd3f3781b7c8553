"""EPUBs as programs and people make them: each structure once, rebuilt small."""

from collections.abc import Mapping

import pytest

from gateway_service.books.book import Book, BookError, DamagedBook
from gateway_service.books.epub import read_epub
from tests.support.epubs import CONTAINER, page, png, zipped

P = "<p>It rained.</p>"
ONE, TWO = page(f"<h2>Chapter 1</h2>{P}"), page(f"<h2>Chapter 2</h2>{P}")
Entry = tuple[str, str]


def toc(*entries: Entry, landmarks: str = "") -> str:
    links = "".join(f"<li><a href='{href}'>{title}</a></li>" for title, href in entries)
    return page(f"<nav epub:type='toc'><ol>{links}</ol></nav>{landmarks}")


def ncx(*entries: Entry) -> str:
    points = "".join(
        f"<navPoint><navLabel><text>{title}</text></navLabel><content src='{source}'/></navPoint>"
        for title, source in entries
    )
    return f"<ncx xmlns='http://www.daisy.org/z3986/2005/ncx/'><navMap>{points}</navMap></ncx>"


def epub(
    pages: Mapping[str, str | bytes],
    *,
    nav: str = "",
    hrefs: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
    beside: tuple[str, ...] = (),
    metadata: str = "",
    guide: str = "",
    folder: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """A book of documents by name, the nav document or NCX in `nav`.

    hrefs, types: as the manifest writes names and media types. beside: names that are not linear.
    folder: around the whole book. files: further ones in OEBPS, which no document names.
    """
    items = "".join(
        f'<item id="p{n}" href="{(hrefs or {}).get(name, name)}" '
        f'media-type="{(types or {}).get(name, "application/xhtml+xml")}"/>'
        for n, name in enumerate(pages)
    )
    kind = (
        'application/x-dtbncx+xml"' if "<ncx" in nav else 'application/xhtml+xml" properties="nav"'
    )
    items += f'<item id="toc" href="toc" media-type="{kind}/>' if nav else ""
    items += "".join(
        f'<item id="{name}" href="{name}" media-type="image/png"/>' for name in files or {}
    )
    spine = "".join(
        f'<itemref idref="p{n}"' + (' linear="no"/>' if name in beside else "/>")
        for n, name in enumerate(pages)
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">'
        f"<dc:title>The Book</dc:title><dc:language>en</dc:language>{metadata}</metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine>{guide}</package>"
    )
    inside = {"content.opf": package, "toc": nav, **pages, **(files or {})}
    return zipped(
        {
            f"{folder}META-INF/container.xml": CONTAINER,
            **{f"{folder}OEBPS/{name}": content for name, content in inside.items()},
        }
    )


def outline(book: Book) -> list[tuple[str, str]]:
    """Title and text of each chapter, a space between the blocks."""
    return [(chapter.title, " ".join(chapter.text.split())) for chapter in book.chapters]


def read(*bodies: str, **options: object) -> list[tuple[str, str]]:
    """The outline of a book of documents with these bodies: 0.xhtml, 1.xhtml ..."""
    pages = {f"{n}.xhtml": page(body) for n, body in enumerate(bodies)}
    return outline(read_epub(epub(pages, **options)))  # type: ignore[arg-type]


def test_parts_without_text_begin_their_first_chapter() -> None:
    bodies = ["<h1>Part One</h1>", f"<h2>I</h2>{P}", "<h1>Part Two</h1><h2>The Sea</h2>", P]
    entries = [("Part One", "0"), ("I", "1"), ("Part Two: The Sea", "2"), ("II", "3")]
    nav = ncx(*((title, f"{n}.xhtml") for title, n in entries))
    assert read(*bodies, nav=nav) == [
        ("Part One: I", "Part One I It rained."),
        ("Part Two: The Sea: II", "Part Two The Sea It rained."),
    ]


def test_title_at_the_end_ends_the_last_chapter() -> None:
    nav = toc(("I", "0.xhtml"), ("The End", "1.xhtml"))
    assert read(P, "<h2>The End</h2>", nav=nav) == [("I", "It rained. The End")]


def test_book_of_titles_alone_is_one_chapter() -> None:
    assert read("<h1>One</h1>", "<h1>Two</h1>") == [("One", "One Two")]


def test_front_matter_is_known_by_its_titles_in_the_contents() -> None:
    nav = toc(
        *(("Cover", "0.xhtml"), ("Title Page", "1.xhtml"), ("Copyright", "2.xhtml")),
        *(("Chapter 1", "4.xhtml"), ("Chapter 2", "5.xhtml"), ("Transcriber’s Notes", "6.xhtml")),
    )
    rights = "<p>All rights reserved.</p>"
    bodies = ["<p>Cover</p>", "<h1>The Book</h1><p>Birch Press</p>", rights]
    read_ = read(*bodies, "<p>For Mary.</p>", P, P, "<p>Kept.</p>", nav=nav)
    assert read_ == [
        ("The Book", "For Mary."),
        ("Chapter 1", "It rained."),
        ("Chapter 2", "It rained."),
    ]


def test_table_of_contents_within_the_text_is_left_out() -> None:
    links = "".join(f"<p><a href='#c{n}'>Chapter {n}</a>, {n}</p>" for n in (1, 2, 3))
    body = f"<h2>Contents</h2>{links}<p>See <a href='#c1'>there</a>.</p>"
    assert read(body)[0][1] == "See there."


@pytest.mark.parametrize(("kind", "first"), [("bodymatter", "Chapter 1"), ("start", "Preface")])
def test_beginning_leaves_out_front_matter_by_landmark_alone(kind: str, first: str) -> None:
    landmarks = f"<nav epub:type='landmarks'><a epub:type='{kind}' href='1.xhtml'>Start</a></nav>"
    nav = toc(("Preface", "0.xhtml"), ("Chapter 1", "1.xhtml"), landmarks=landmarks)
    assert read(P, P, nav=nav)[0][0] == first


def test_several_chapters_stand_in_one_file_and_one_in_several() -> None:
    body = f"<div id='a'><p>One.</p></div><h3>i</h3><p>Two.<a id='b'></a></p><h2>x</h2>{P}"
    nav = toc(("A", "0.xhtml#a"), ("B", "0.xhtml#x%20y"), ("C", "2.xhtml"))
    body = body.replace("<h2>", "<h2 id='x y'>")
    assert read(body, "<p>Goes on.</p>", P, nav=nav) == [
        ("A", "One. i Two."),
        ("B", "x It rained. Goes on."),
        ("C", "It rained."),
    ]


def test_entries_whose_ids_are_missing_are_found_by_their_titles() -> None:
    body = f"<h2>Chapter 1</h2>{P}<h2>Chapter <i>2</i></h2>{P}"
    nav = toc(("Chapter 1", "0.xhtml#x"), ("CHAPTER 2.", "0.xhtml#y"), ("Lost", "0.xhtml#z"))
    assert [title for title, _ in read(body, nav=nav)] == ["Chapter 1", "CHAPTER 2."]


@pytest.mark.parametrize(
    "nav",
    [
        toc(("Start", "0.xhtml")),
        toc(("A", "gone.xhtml"), ("B", "gone2.xhtml")),
        ncx(("Start", "0.xhtml")),
        "",
    ],
    ids=["one entry", "dead links", "one point", "none"],
)
def test_without_contents_headings_begin_chapters(nav: str) -> None:
    bodies = [f"<h1>Chapter 1</h1>{P}", "<p>Goes on.</p>", f"<h1>Chapter 2</h1>{P}<h3>x</h3>{P}"]
    assert read(*bodies, nav=nav) == [
        ("Chapter 1", "Chapter 1 It rained. Goes on."),
        ("Chapter 2", "Chapter 2 It rained. x It rained."),
    ]


def test_navigation_without_a_type_is_the_table_of_contents() -> None:
    nav = page(
        "<nav><ol><li><a href='0.xhtml'>A</a></li><li><a href='1.xhtml'>B</a></li></ol></nav>"
    )
    assert [title for title, _ in read(P, P, nav=nav)] == ["A", "B"]


def test_documents_beside_the_text_are_left_out_unless_there_are_no_others() -> None:
    pages = {"1.xhtml": ONE, "notes.xhtml": page("<p>A note.</p>"), "2.xhtml": TWO}
    for beside, has_notes in [(("notes.xhtml",), False), (tuple(pages), True)]:
        text = read_epub(epub(pages, beside=beside)).chapters[0].text
        assert ("A note." in text) == has_notes


@pytest.mark.parametrize(
    ("name", "href"),
    [
        ("첫 장.xhtml", "%EC%B2%AB%20%EC%9E%A5.xhtml"),
        ("ä%20b.xhtml", "ä%20b.xhtml"),
        ("cafe\u0301.xhtml", "caf\u00e9.xhtml"),
        ("text\\1.xhtml", "text/1.xhtml"),
    ],
    ids=["percent-encoded", "encoded in the archive", "decomposed", "backslash"],
)
def test_names_are_found_in_every_spelling(name: str, href: str) -> None:
    assert len(read_epub(epub({name: ONE}, hrefs={name: href})).chapters) == 1


def test_folder_around_the_book_is_looked_into() -> None:
    assert len(read_epub(epub({"1.xhtml": ONE}, folder="My Book/")).chapters) == 1


def test_wrong_media_types_and_images_in_the_spine_do_no_harm() -> None:
    pages: dict[str, str | bytes] = {"1.htm": ONE, "a.png": png(), "b.jpg": png()}
    pages["c.svg"] = "<svg><text>No</text></svg>"
    types = {"1.htm": "text/plain", "a.png": "image/png", "c.svg": "image/svg+xml"}
    assert outline(read_epub(epub(pages, types=types))) == [("Chapter 1", "Chapter 1 It rained.")]


@pytest.mark.parametrize(
    "content",
    [
        page("<p>“Café” – late.</p>").replace("utf-8", "utf-16").encode("utf-16"),
        b"<html><meta charset=windows-1252><p>\x93Caf\xe9\x94 \x96 late.",
        b"<meta http-equiv=x content='text/html; charset=ISO-8859-1'><p>\x93Caf\xe9\x94 \x96 late.",
        page("<p>&ldquo;Caf&eacute;&rdquo; &#150; late.</p>"),
        "\ufeff" + page("<p>“Ca\u00adf\u200bé” – late.</p>"),
    ],
    ids=["UTF-16", "meta charset", "latin-1", "entities", "invisible characters"],
)
def test_document_is_decoded_as_it_says(content: str | bytes) -> None:
    assert outline(read_epub(epub({"1.xhtml": content})))[0][1] == "“Café” – late."


def test_ampersand_that_is_not_escaped_is_read() -> None:
    book = read_epub(epub({"1.xhtml": ONE}, metadata="<dc:creator>Tom & Co &nosuch;</dc:creator>"))
    assert book.author == "Tom & Co &nosuch;"


def test_main_title_and_authors_alone_are_the_tags() -> None:
    metadata = (
        "<dc:title>A Subtitle</dc:title><dc:creator id='a'>Ada Birch</dc:creator>"
        "<dc:creator opf:role='trl'>Tom Elm</dc:creator><dc:creator id='b'>Eve Ash</dc:creator>"
        "<meta refines='#b' property='role'>ill</meta>"
    )
    book = read_epub(epub({"1.xhtml": ONE}, metadata=metadata))
    assert (book.title, book.author) == ("The Book", "Ada Birch")


@pytest.mark.parametrize(
    ("files", "options", "is_found"),
    [
        ({"cover.png": png()}, {}, True),
        ({"x.png": png()}, {"metadata": '<meta name="cover" content="x.png"/>'}, True),
        (
            {"x.png": png()},
            {"guide": "<guide><reference type='cover' href='0.xhtml'/></guide>"},
            True,
        ),
        ({"cover.png": b"GIF89a"}, {}, False),
        ({"cover.png": png() + bytes(5_000_000)}, {}, False),
        ({"cover.png": png() + bytes(20_000_000)}, {}, False),
        ({"x.png": png()}, {}, False),
    ],
    ids=["by name", "meta", "its page", "GIF", "5 MB", "20 MB", "none"],
)
def test_cover_is_found_or_left_out(
    files: dict[str, bytes], options: dict[str, str], is_found: bool
) -> None:
    pages = {"0.xhtml": page("<img src='x.png'/>"), "1.xhtml": ONE}
    book = read_epub(epub(pages, files=files, **options))  # type: ignore[arg-type]
    assert (book.cover is not None) == is_found
    assert len(book.chapters) == 1


@pytest.mark.parametrize("name", ["word/document.xml", "content.xml"])
def test_document_of_a_word_processor_is_named(name: str) -> None:
    with pytest.raises(DamagedBook, match="word processor"):
        read_epub(zipped({name: "<x/>"}))


def test_document_that_is_missing_is_named() -> None:
    with pytest.raises(BookError, match=r"lacks OEBPS/gone\.xhtml"):
        read_epub(epub({"1.xhtml": ONE, "2.xhtml": TWO}, hrefs={"2.xhtml": "gone.xhtml"}))


def test_standard_ebooks_structure_leaves_the_story() -> None:
    part = "<section epub:type='part'><h2><span>Book</span> <span>I</span></h2></section>"
    chapter = (
        f"<section epub:type='chapter'><h3>I</h3>{P}"
        "<p>Hi.<a href='5.xhtml#n' id='r' epub:type='noteref'>1</a></p></section>"
    )
    nav = toc(
        *(("Titlepage", "0.xhtml"), ("Imprint", "1.xhtml"), ("Book I", "2.xhtml")),
        *(("I", "3.xhtml"), ("Colophon", "4.xhtml"), ("Endnotes", "5.xhtml")),
    )
    bodies = [
        "<section epub:type='titlepage'><h1>The Book</h1><p>By Ada.</p></section>",
        "<section epub:type='imprint'><h2>Imprint</h2><p>Free.</p></section>",
        *(part, chapter),
        "<section epub:type='colophon'><h2>Colophon</h2><p>Set in Sorts.</p></section>",
        "<section epub:type='endnotes'><ol><li id='n'><p>A note.</p></li></ol></section>",
    ]
    assert read(*bodies, nav=nav) == [("Book I: I", "Book I I It rained. Hi.")]


def test_project_gutenberg_structure_leaves_the_story() -> None:
    body = (
        "<pre>The Project Gutenberg EBook of The Book\n\nAt no cost.\n\n"
        "*** START OF THIS PROJECT GUTENBERG EBOOK THE BOOK ***</pre>"
        "<p>Produced by Tom Elm</p><div class='transnote'><p>Kept as it was.</p></div>"
        "<h1>THE BOOK</h1><h2>By ADA BIRCH</h2><h2>CONTENTS</h2>"
        + "".join(f"<p><a href='#c{n}'>CHAPTER {n}.</a></p>" for n in (1, 2, 3))
        + f"<h2 id='c1'>CHAPTER I.<br/>THE FERRY</h2>{P}<h2 id='c2'>CHAPTER II.</h2>{P}"
        "<pre>End of the Project Gutenberg EBook of The Book\n\nSection 1.</pre><p>Terms</p>"
    )
    nav = ncx(
        *(("THE BOOK", "0.xhtml"), ("CONTENTS", "0.xhtml#x")),
        *(("CHAPTER I. THE FERRY", "0.xhtml#c1"), ("CHAPTER II.", "0.xhtml#c2")),
    )
    assert read(body, nav=nav) == [
        ("CHAPTER I. THE FERRY", "THE BOOK By ADA BIRCH CHAPTER I. THE FERRY It rained."),
        ("CHAPTER II.", "CHAPTER II. It rained."),
    ]


def test_calibre_structure_leaves_the_story() -> None:
    bodies = [
        "<svg><image xlink:href='cover.jpeg'/></svg>",
        "<div class='cbj_banner'><table><tr><td>The Book</td></tr></table></div>",
        f"<h2 class='calibre3' id='calibre_pb_0'>1</h2>{P}",
        f"<h2>2</h2>{P}",
    ]
    assert read(*bodies, nav=ncx(("Start", "0.xhtml"))) == [
        ("1", "1 It rained."),
        ("2", "2 It rained."),
    ]
