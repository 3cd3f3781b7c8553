"""HTML as a book: chapters begin at its headings."""

from gateway_service.books.book import Book, Chapter, heading_depth, with_speech
from gateway_service.books.gutenberg import licence_blocks
from gateway_service.books.html_text import HtmlText, read_html


def html_book(text: str) -> Book:
    """A page that was saved from a browser is its <article> or <main>, if it has one."""
    document = read_html(text)
    outside = licence_blocks(document.blocks)
    if document.main and document.text(document.main.start, document.main.stop):
        outside += [at for at in range(len(document.blocks)) if at not in document.main]
    for at in outside:
        document.blocks[at] = ""
    starts = html_chapters(document)
    stops = [start for start, _ in starts[1:]] + [len(document.blocks)]
    title = _title(document)
    chapters = with_speech(
        [
            Chapter(name, document.text(start, stop), document.is_title(start, stop))
            for (start, name), stop in zip(starts, stops, strict=True)
        ],
        title,
    )
    return Book(chapters, title, document.author, document.language)


def _title(document: HtmlText) -> str:
    """The only heading of the first level if the text begins with it, else <title>."""
    text = [at for at, block in enumerate(document.blocks) if block]
    firsts = [at for at, level in document.headings.items() if level == 1 and document.blocks[at]]
    is_title = len(firsts) == 1 and firsts == text[:1] and len(document.headings) > 1
    return " ".join(document.blocks[firsts[0]].split("\n")) if is_title else document.title


def html_chapters(document: HtmlText, *, is_book: bool = True) -> list[tuple[int, str]]:
    """The blocks at which chapters begin, and their titles; the first has none if it begins before
    the first heading. is_book: the document is a whole book."""
    found = [at for at in document.headings if document.blocks[at]]
    stops = [*found[1:], len(document.blocks)]
    depth = heading_depth(
        [
            (document.headings[at], bool(document.text(at + 1, stop)))
            for at, stop in zip(found, stops, strict=False)
        ],
        is_book=is_book,
    )
    cuts = [at for at in found if document.headings[at] <= depth]
    titles = [(at, " ".join(document.blocks[at].split("\n"))) for at in cuts]
    return titles if cuts[:1] == [0] else [(0, ""), *titles]
