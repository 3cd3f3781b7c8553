"""Small EPUBs with the structures that public-domain books have.

`epub2` and `epub3` are valid (a test runs EPUBCheck); the others are as bare as books in the wild.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>"""

PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="{version}" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:6a1f5a52-9c0e-4c1f-8f5b-0b6f4f0d7c11</dc:identifier>
<dc:title>The Quiet Harbour</dc:title>
<dc:creator>Ada Birch</dc:creator><dc:creator>Tom Elm</dc:creator><dc:language>en</dc:language>
{metadata}</metadata>
<manifest>{manifest}</manifest>
<spine{toc}>{spine}</spine>
{guide}</package>"""


def png() -> bytes:
    """A red square of 16 x 16 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    rows = (b"\0" + bytes([200, 30, 30]) * 16) * 16
    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def page(body: str, title: str = "") -> str:
    """A document of EPUB 3."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>{title}</title><style>p {{ color: red }}</style></head>"
        f"<body>{body}</body></html>"
    )


def page2(body: str, title: str = "") -> str:
    """A document of EPUB 2, whose document type has the entities of HTML."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" '
        '"http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title>'
        f'<style type="text/css">p {{ color: red }}</style></head><body>{body}</body></html>'
    )


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


PAGES = {
    "cover.xhtml": page('<img src="cover.png" alt="Cover"/>', "Cover"),
    "legal.xhtml": page("<p>All rights reserved.</p>", "Rights"),
    "one.xhtml": page(
        "<h1 id='c1'>I. The Ferry</h1><p>It was &#8220;late&#8221;, caf&#xe9; closed."
        "<a epub:type='noteref' href='#n1'>1</a> Nobody<a href='#n2'>[2]</a> came.</p>"
        "<p><img src='map.png' alt='A map of the bay.'/></p>"
        "<aside epub:type='footnote' id='n1'><p>A note.</p></aside>"
        "<aside epub:type='footnote' id='n2'><p>Another note.</p></aside>",
        "One",
    ),
    "two.xhtml": page(
        "<h1 id='c2'>II. The Lamp</h1><table><tr><td>Tea</td><td>two</td></tr></table>"
        "<p>Morning.</p><h1 id='c3'>III. The Storm</h1><p>Wind.</p>",
        "Two",
    ),
    "three.xhtml": page("<p>Still the storm.</p>", "Three"),
}
PAGES_2 = {
    "cover.xhtml": page2('<p><img src="cover.png" alt="Cover"/></p>', "Cover"),
    "legal.xhtml": page2("<p>All rights reserved.</p>", "Rights"),
    "one.xhtml": page2(
        "<h1 id='c1'>I. The Ferry</h1><p><span class='pagenum'>[Pg 7]</span>It was "
        "&ldquo;late&rdquo;, caf&eacute; closed."
        "<a class='fnanchor' href='#n1' id='r1'><sup>1</sup></a> Nobody"
        "<a class='fnanchor' href='#n2' id='r2'>[2]</a> came.</p>"
        "<p><img src='map.png' alt='A map of the bay.'/></p>"
        "<div class='footnotes'><p id='n1'><a href='#r1'>[1]</a> A note.</p>"
        "<p id='n2'><a href='#r2'>[2]</a> Another note.</p></div>",
        "One",
    ),
    "two.xhtml": page2(
        "<h1 id='c2'>II. The Lamp</h1><table><tr><td>Tea</td><td>two</td></tr></table>"
        "<p>Morning.</p><h1 id='c3'>III. The Storm</h1><p>Wind.</p>",
        "Two",
    ),
    "three.xhtml": page2("<p>Still the storm.</p>", "Three"),
}
IMAGES = (
    '<item id="im" href="cover.png" media-type="image/png"{cover}/>'
    '<item id="map" href="map.png" media-type="image/png"/>'
)


def _items(pages: Mapping[str, str]) -> str:
    return "".join(
        f'<item id="p{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(pages)
    )


def _spine(pages: Mapping[str, str]) -> str:
    return "".join(f'<itemref idref="p{n}"/>' for n in range(len(pages)))


def _packed(files: Mapping[str, str | bytes]) -> bytes:
    inside = {f"OEBPS/{name}": content for name, content in files.items()}
    return zipped({"META-INF/container.xml": CONTAINER, **inside})


def epub3(**extra: str | bytes) -> bytes:
    """extra: the content of files in place of the book's own, by name."""
    navigation = page(
        "<nav epub:type='toc'><ol><li><a href='one.xhtml#c1'>The Ferry</a></li>"
        "<li><a href='two.xhtml'>The Lamp</a><ol><li><a href='two.xhtml#c3'>The Storm</a></li>"
        "</ol></li></ol></nav><nav epub:type='landmarks'><ol>"
        "<li><a epub:type='cover' href='cover.xhtml'>Cover</a></li>"
        "<li><a epub:type='bodymatter' href='one.xhtml'>Start</a></li></ol></nav>",
        "Contents",
    )
    manifest = (
        _items(PAGES)
        + '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        + IMAGES.format(cover=' properties="cover-image"')
    )
    package = PACKAGE.format(
        version="3.0",
        metadata='<meta property="dcterms:modified">2026-01-01T00:00:00Z</meta>',
        manifest=manifest,
        spine=_spine(PAGES),
        toc="",
        guide="",
    )
    files: dict[str, str | bytes] = {"content.opf": package, "nav.xhtml": navigation, **PAGES}
    return _packed({**files, "cover.png": png(), "map.png": png(), **extra})


def epub2() -> bytes:
    ncx = (
        '<?xml version="1.0"?><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1">'
        '<head><meta name="dtb:uid" content="urn:uuid:6a1f5a52-9c0e-4c1f-8f5b-0b6f4f0d7c11"/>'
        "</head><docTitle><text>The Quiet Harbour</text></docTitle><navMap>"
        + "".join(
            f'<navPoint id="n{n}" playOrder="{n}"><navLabel><text>{title}</text></navLabel>'
            f'<content src="{source}"/></navPoint>'
            for n, (title, source) in enumerate(
                [("The Ferry", "one.xhtml"), ("The Lamp", "two.xhtml"), ("Storm", "two.xhtml#c3")],
                start=1,
            )
        )
        + "</navMap></ncx>"
    )
    manifest = (
        _items(PAGES_2)
        + '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        + IMAGES.format(cover="")
    )
    guide = (
        '<guide><reference type="cover" title="Cover" href="cover.xhtml"/>'
        '<reference type="copyright-page" title="Rights" href="legal.xhtml"/></guide>'
    )
    package = PACKAGE.format(
        version="2.0",
        metadata='<meta name="cover" content="im"/>',
        manifest=manifest,
        spine=_spine(PAGES_2),
        toc=' toc="ncx"',
        guide=guide,
    )
    files: dict[str, str | bytes] = {"content.opf": package, "toc.ncx": ncx, **PAGES_2}
    return _packed({**files, "cover.png": png(), "map.png": png()})


def many_chapters(count: int, words: str = "It rained.") -> bytes:
    """A book of `count` documents without a table of contents."""
    pages = {f"c{n}.xhtml": page(f"<h2>Chapter {n + 1}</h2><p>{words}</p>") for n in range(count)}
    package = PACKAGE.format(
        version="3.0", metadata="", manifest=_items(pages), spine=_spine(pages), toc="", guide=""
    )
    return _packed({"content.opf": package, **pages})
