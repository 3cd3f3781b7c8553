"""HTML elements as a reader aloud sees them: which end a paragraph, and which are not spoken."""

import re
from collections.abc import Mapping


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


BLOCKS = _words(
    """
    address article aside blockquote body caption center dd details dir div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol p
    pre section summary table tbody tfoot thead tr ul
    """
)
HEADINGS = _words(
    """
    h1 h2 h3 h4 h5 h6
    """
)
VOID = _words(
    """
    area base br col embed hr img input link meta source track wbr
    """
)
NOTE_TAGS = _words(
    """
    aside dd li p
    """
)
"""Elements that are a note if a note's mark leads to them. A section may be a whole chapter."""
MATH_WORDS = {"mfrac": " over ", "msup": " to the power of ", "msub": " sub "}
"""Between the two children of an element of MathML."""
MATH_TOKENS = _words(
    """
    mi mn mo mtext
    """
)

_UNSPOKEN = _words(
    """
    annotation annotation-xml audio button canvas case datalist head iframe nav noscript object rp
    rt script select style svg template textarea video
    """
)
_UNSPOKEN_ROLES = _words(
    """
    colophon copyright-page cover endnote endnotes footnote footnotes halftitlepage imprint index
    landmarks loi lot noteref page-list pagebreak rearnote rearnotes titlepage toc
    """
)
"""Values of epub:type, and of role without its prefix doc-."""
_UNSPOKEN_CLASSES = _words(
    """
    cbj_banner endnote endnotes footnote footnotes page-number page_number pageno pagenum
    pagenumber pg-boilerplate tnote tnotes transnote transnotes
    """
)
"""Classes of Project Gutenberg's and calibre's books; EPUB 2 and HTML have no epub:type."""
_NOTE_REFERENCES = _words(
    """
    fnanchor footnote-anchor footnote-ref footnote_ref footnoteref noteref
    """
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_PREFIXES = _words(
    """
    epub h html m mml svg xhtml
    """
)
_FILE_NAME = re.compile(r"\S{1,80}\.(?:bmp|gif|jpe?g|png|svg|tiff?|webp)", re.IGNORECASE)
_NO_ALTERNATIVES = _words(
    """
    cover decoration illustration illustrations image images img logo ornament photo picture
    """
)


def without_prefix(tag: str) -> str:
    """The name of an element without the prefix of its namespace: `m:math`."""
    prefix, colon, name = tag.partition(":")
    return name if colon and prefix in _PREFIXES else tag


def is_unspoken(tag: str, attributes: Mapping[str, str]) -> bool:
    return (
        tag in _UNSPOKEN
        or (tag == "math" and bool(attributes.get("alttext")))  # spoken in its place
        or not _UNSPOKEN_ROLES.isdisjoint(_roles(attributes))
        or not _UNSPOKEN_CLASSES.isdisjoint(attributes.get("class", "").lower().split())
        or "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(_HIDDEN.search(attributes.get("style", "")))
    )


def is_note_reference(attributes: Mapping[str, str]) -> bool:
    """True if the attributes of a link say that it leads to a note."""
    classes = attributes.get("class", "").lower().split()
    return "noteref" in _roles(attributes) or not _NOTE_REFERENCES.isdisjoint(classes)


def _roles(attributes: Mapping[str, str]) -> list[str]:
    roles = [role.removeprefix("doc-") for role in attributes.get("role", "").split()]
    return attributes.get("epub:type", "").split() + roles


def spoken_alternative(tag: str, attributes: Mapping[str, str]) -> str:
    """The text that is spoken in place of an image or a formula, "" if there is none.

    A single letter is a drop cap, which belongs to the word after it.
    """
    text = attributes.get({"img": "alt", "math": "alttext"}.get(tag, ""), "").strip()
    name = text.strip("[]().:").lower()
    if _FILE_NAME.fullmatch(text) or name.removesuffix(" image") in _NO_ALTERNATIVES:
        return ""
    return text if len(text) == 1 and tag == "img" else f" {text} " if text else ""
