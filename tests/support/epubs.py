"""Small EPUBs with the structures that public-domain books have."""

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
<dc:identifier id="id">urn:uuid:1</dc:identifier><dc:title>The Quiet Harbour</dc:title>
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
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>{title}</title><style>p {{ color: red }}</style></head>"
        f"<body>{body}</body></html>"
    )


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


PAGES = {
    "cover.xhtml": page('<img src="cover.png" alt="Cover"/>'),
    "legal.xhtml": page("<p>All rights reserved.</p>"),
    "one.xhtml": page(
        "<h1 id='c1'>I. The Ferry</h1><p>It was &ldquo;late&rdquo;, caf&eacute; closed."
        "<a epub:type='noteref' href='#n1'>1</a> Nobody<a href='#n2'>[2]</a> came.</p>"
        "<p><img src='map.png' alt='A map of the bay.'/></p>"
        "<aside epub:type='footnote' id='n1'><p>A note.</p></aside>"
    ),
    "two.xhtml": page(
        "<h1 id='c2'>II. The Lamp</h1><table><tr><td>Tea</td><td>two</td></tr></table>"
        "<p>Morning.</p><h1 id='c3'>III. The Storm</h1><p>Wind.</p>"
    ),
    "three.xhtml": page("<p>Still the storm.</p>"),
}


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
    navigation = page(
        "<nav epub:type='toc'><ol><li><a href='one.xhtml#c1'>The Ferry</a></li>"
        "<li><a href='two.xhtml'>The Lamp</a><ol><li><a href='two.xhtml#c3'>The Storm</a></li>"
        "</ol></li></ol></nav><nav epub:type='landmarks'><ol>"
        "<li><a epub:type='cover' href='cover.xhtml'>Cover</a></li>"
        "<li><a epub:type='bodymatter' href='one.xhtml'>Start</a></li></ol></nav>"
    )
    manifest = (
        _items(PAGES)
        + '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        + '<item id="im" href="cover.png" media-type="image/png" properties="cover-image"/>'
    )
    package = PACKAGE.format(
        version="3.0", metadata="", manifest=manifest, spine=_spine(PAGES), toc="", guide=""
    )
    files: dict[str, str | bytes] = {"content.opf": package, "nav.xhtml": navigation, **PAGES}
    files["cover.png"] = png()
    return _packed({**files, **extra})


def epub2() -> bytes:
    ncx = (
        '<?xml version="1.0"?><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>'
        + "".join(
            f'<navPoint id="n{n}"><navLabel><text>{title}</text></navLabel>'
            f'<content src="{source}"/></navPoint>'
            for n, (title, source) in enumerate(
                [("The Ferry", "one.xhtml"), ("The Lamp", "two.xhtml"), ("Storm", "two.xhtml#c3")]
            )
        )
        + "</navMap></ncx>"
    )
    manifest = (
        _items(PAGES)
        + '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        + '<item id="im" href="cover.png" media-type="image/png"/>'
    )
    guide = (
        '<guide><reference type="cover" href="cover.xhtml"/>'
        '<reference type="copyright-page" href="legal.xhtml"/></guide>'
    )
    package = PACKAGE.format(
        version="2.0",
        metadata='<meta name="cover" content="im"/>',
        manifest=manifest,
        spine=_spine(PAGES),
        toc=' toc="ncx"',
        guide=guide,
    )
    files: dict[str, str | bytes] = {"content.opf": package, "toc.ncx": ncx, **PAGES}
    files["cover.png"] = png()
    return _packed(files)


def many_chapters(count: int, words: str = "It rained.") -> bytes:
    """A book of `count` documents without a table of contents."""
    pages = {f"c{n}.xhtml": page(f"<h2>Chapter {n + 1}</h2><p>{words}</p>") for n in range(count)}
    package = PACKAGE.format(
        version="3.0", metadata="", manifest=_items(pages), spine=_spine(pages), toc="", guide=""
    )
    return _packed({"content.opf": package, **pages})
