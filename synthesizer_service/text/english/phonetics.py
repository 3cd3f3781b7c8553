"""Phonetic transcriptions, which are left out: "(/ˈniːtʃə/ NEE-chə; born 1844)"."""

import re

_SYMBOLS = "ɑɐɒɔəɚɛɜɝɡɪɨɹɾʁʀʃʂʊʉʌʒʐʔɕʑˈˌːˑʲʰɲʎʏɣɸɫɬɯɱ"
_ALSO_LETTERS = "æθŋχ"  # of other alphabets, which brackets may hold
_TRANSCRIPTION = re.compile(
    rf"(?<![\w/:.])/(?=[^/\n]{{0,60}}[{_SYMBOLS}{_ALSO_LETTERS}])[^/\n]{{1,80}}/(?![\w/])"
    rf"|\[(?=[^\[\]\n]{{0,60}}[{_SYMBOLS}])[^\[\]\n]{{1,80}}\]"
)
_LABEL = re.compile(r"\s*+(?:(?:[A-Z][a-z]++|US|UK|RP|[a-z]++)[:,]?\s*+){0,4}+:?\s*+")
_REACH = 120  # characters to the end of a clause


def without_transcriptions(text: str) -> str:
    """The text with spaces in their place, of the same length. Takes time linear in it.

    Within parentheses, the label before and the respelling after a transcription go with it.
    """
    if "/" not in text and "[" not in text:
        return text
    at, parts = 0, list[str]()
    for found in _TRANSCRIPTION.finditer(text):
        if found.start() < at:
            continue
        start, end = _clause(text, at, *found.span())
        parts += [text[at:start], " " * (end - start)]
        at = end
    return "".join([*parts, text[at:]])


def _clause(text: str, at: int, start: int, end: int) -> tuple[int, int]:
    """The clause of a parenthesis around [start, end), which is returned itself if it has none."""
    opening = max(text.rfind(mark, max(at - 1, start - _REACH, 0), start) for mark in "(;")
    label = text[opening + 1 : start]
    stops = [text.find(mark, end, end + _REACH) for mark in ");"]
    closing = min((stop for stop in stops if stop >= 0), default=-1)
    if opening < 0 or ")" in label or closing < 0 or not _LABEL.fullmatch(label):
        return start, end
    return max(at, opening + (text[opening] == "(")), closing + (text[closing] == ";")
