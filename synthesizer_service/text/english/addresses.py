"""URLs, mail addresses, file names and paths, with their signs spoken by name."""

import re

from synthesizer_service.text.english.initialisms import word_or_letters
from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words, digit_words, integer_words
from synthesizer_service.text.english.rules import DIGIT, LETTER, SIGN, any_of, rule

_SIGNS = {
    ".": "dot",
    "/": "slash",
    "\\": "backslash",
    ":": "colon",
    "-": "dash",
    "_": "underscore",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "~": "tilde",
    "+": "plus",
    "@": "at",
    "*": "star",
    "$": "dollar",
}
_SAID_AS = {
    "src": "source",
    "usr": "user",
    "img": "image",
    "tmp": "temp",
    "pkg": "package",
    "etc": "et cetera",
}
_PARTS = re.compile(r"[A-Za-z]+|[0-9]+|.", re.DOTALL)
_DOMAINS = any_of(
    "com org net edu gov mil int info biz io dev app ai co uk de fr jp kr cn ru eu us ca au "
    "nl ch se dk fi pl es br mx nz xyz tech online site shop store blog news cloud page tv fm "
    "gg ly example local"
)
_EXTENSIONS = any_of(
    "pdf txt doc docx xls xlsx csv tsv ppt pptx odt rtf md rst html htm xml json yaml yml "
    "toml ini cfg conf log py js ts jsx tsx css scss c h cpp hpp cc java go rs rb php sh bat "
    "exe dll so msi dmg iso zip tar gz tgz bz2 xz rar 7z jpg jpeg png gif svg webp bmp tiff "
    "ico mp3 mp4 wav flac ogg opus m4a m4b avi mov mkv webm srt vtt epub mobi sql db bak tmp "
    "lock pt pth onnx bin dat ipynb"
)
_SPOKEN_EXTENSIONS = {
    "txt": spell("txt"),
    "exe": spell("exe"),
    "go": "go",
    "so": spell("so"),
    "md": spell("md"),
    "py": "pie",
    "js": spell("js"),
    "pt": spell("pt"),
}
# Parentheses belong to an address in pairs.
_URL_CHARACTERS = r"(?:[^\s<>\"`{}|\\^\[\]()]|\([^\s<>()]{0,80}\))"
_URL_END = r"(?<![.,;:!?'*_])"


def address_words(address: str) -> str:
    """Spoken form of an address: "test.org/path" -> "test dot org slash path"."""
    return " ".join(filter(None, (_part(match) for match in _PARTS.finditer(address))))


def _part(match: re.Match[str]) -> str:
    part, after_dot = match[0], match.string[match.start() - 1 : match.start()] == "."
    if part.isdecimal():
        if len(part) == 4 and part[:2] in {"19", "20"}:
            return integer_words(part)
        return cardinal_words(part) if len(part) < 3 and part[0] != "0" else digit_words(part)
    if not (part.isascii() and part.isalpha()):
        return _SIGNS.get(part, "")
    if after_dot and part in _SPOKEN_EXTENSIONS:
        return _SPOKEN_EXTENSIONS[part]
    if after_dot and len(part) == 2 and part != "co":
        return spell(part)
    return _SAID_AS.get(part) or word_or_letters(part)


def _whole(match: re.Match[str]) -> str:
    return address_words(match["rest"].rstrip("/").removeprefix("www."))


def _path(match: re.Match[str]) -> str | None:
    return address_words(match[0]) if re.search("[A-Za-z]{2}", match[0]) else None


def _option(match: re.Match[str]) -> str:
    """--dry-run"""
    return f"dash dash {address_words(match['option'].replace('-', ' '))}"


_NAME = r"[A-Za-z0-9_.@%+-]"
_FILE = rf"[A-Za-z0-9_-]{{1,64}}\.(?:{_EXTENSIONS})(?![A-Za-z0-9])"

RULES = (
    rule(
        r"10\.[0-9]{4,9}/[A-Za-z0-9._;()/:-]{1,80}(?<=[A-Za-z0-9])", lambda m: address_words(m[0])
    ),  # DOI
    rule(
        rf"(?i:https?|ftps?|wss?|file|s3|ssh|git)://(?P<rest>{_URL_CHARACTERS}*{_URL_END})",
        _whole,
        LETTER,
    ),
    rule(rf"(?i:www)\.(?P<rest>[A-Za-z0-9]{_URL_CHARACTERS}*{_URL_END})", _whole, LETTER),
    rule(
        r"(?:mailto:)?(?P<rest>[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
        r"(?<![.-]))",
        _whole,
        LETTER,
        DIGIT,
    ),
    rule(
        rf"(?P<rest>(?:[A-Za-z0-9][A-Za-z0-9-]{{0,62}}\.){{1,6}}(?i:{_DOMAINS})(?![A-Za-z0-9-])"
        rf"(?!\.[a-z])(?::[0-9]{{1,5}}(?![0-9]))?(?:/{_URL_CHARACTERS}*{_URL_END})?)",
        _whole,
        LETTER,
        DIGIT,
    ),
    rule(rf"(?P<rest>localhost:[0-9]{{1,5}}(?:/{_URL_CHARACTERS}*{_URL_END})?)", _whole, LETTER),
    rule(  # C:\Program Files\App
        r"[A-Za-z]:\\(?:[^\s\"<>|*?:]| (?=[A-Za-z0-9().-]{1,30}\\))*(?<![.,;!])",
        lambda match: address_words(match[0]),
        LETTER,
    ),
    rule(r"\\\\[A-Za-z0-9][^\s\"<>|*?:]*(?<![.,;!])", _path, SIGN),
    rule(
        rf"(?<![A-Za-z0-9)])(?:~|\.{{1,2}})?/(?:{_NAME}{{1,64}}/){{0,30}}{_NAME}{{0,64}}"
        r"(?<=[A-Za-z0-9/_-])",
        _path,
        SIGN,
    ),
    rule(rf"(?:[A-Za-z0-9_.-]{{1,64}}/){{1,20}}{_FILE}", _path, LETTER),
    rule(rf"(?:[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}\.){{0,3}}{_FILE}", _path, LETTER, DIGIT),
    rule(  # my file (1).docx
        rf"(?:(?<=\))|(?<=[AP]M))\.(?:{_EXTENSIONS})(?![A-Za-z0-9])",
        lambda match: address_words(match[0]),
        SIGN,
    ),
    rule(
        r"(?:(?<=[ '(])|(?<![^ ]))--(?P<option>[a-z][a-z0-9-]{0,40}[a-z0-9])(?![A-Za-z0-9-])",
        _option,
        SIGN,
    ),
)
