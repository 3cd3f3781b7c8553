"""Parts of a text that are not meant to be spoken: a chat model's reasoning, its control tokens,
faces drawn with characters, the times of subtitles, and the front matter of a page."""

import re

from shared.text.faces import without_faces

_REASONING = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis"
_CALLS = "tool_call|tool_calls|tool_response|function_call|function_calls|function_results"
_TAG = re.compile(
    rf"(?<!`)(?:<(?P<close>/?)(?P<name>{_REASONING}|{_CALLS})>|◁(?P<ends>/?)think▷)", re.IGNORECASE
)
_CONTROL = re.compile(
    r"<\|(?:im_start|start_header_id|start)\|>(?:system|user|assistant|tool)?"
    r"|<start_of_turn>(?:user|model)?|<end_of_turn>"
    r"|<\|[A-Za-z_]{2,32}\|>|<｜[^｜\n]{2,32}｜>|\[/?INST\]|<</?SYS>>|</?s>(?=\s*\[INST\]|\s*\Z)"
)
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?=[A-Za-z_][\w-]*:)"
    r"(?:[A-Za-z_][\w-]*:.*\n|[ \t].*\n|- .*\n|\n){1,60}+---[ \t]*(?:\n|\Z)"
)
_CLOCK = r"(?:[0-9]{1,3}:)?[0-9]{2}:[0-9]{2}[,.][0-9]{3}"
_CUE = re.compile(  # "12\n00:01:04,000 --> 00:01:06,500"
    rf"^(?:[0-9]{{1,6}}[ \t]*\r?\n)?{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}(?:[ \t][^\n]*)?$", re.MULTILINE
)
_PLACED = re.compile(r"\{\\(?:an?[0-9]{1,2}|pos\([0-9., ]{1,20}\)|[bius][01])\}")  # {\an8}
_SUBTITLES = re.compile(r"\AWEBVTT(?![^\s])[^\n]*")


def without_unspoken(text: str) -> str:
    """The text with such parts blank: its length, and each other character's place, stay.

    Reasoning needs its closing tag. A closing tag alone ends reasoning that began in the prompt.
    Takes time linear in the length.
    """
    text = without_faces(text)
    if "<" in text or "◁" in text or "[" in text:
        text = _CONTROL.sub(_lines, _without_reasoning(text))
    if "-->" in text:
        text = _PLACED.sub(_lines, _CUE.sub(_lines, _SUBTITLES.sub(_lines, text)))
    return _FRONT_MATTER.sub(_lines, text) if text.startswith("---") else text


def _lines(match: re.Match[str]) -> str:
    return "\n" * len(match[0])


def _name(tag: re.Match[str]) -> str:
    return (tag["name"] or "think").lower()


def _without_reasoning(text: str) -> str:
    tags = [*_TAG.finditer(text)]
    last_close = {_name(tag): tag.start() for tag in tags if tag["close"] or tag["ends"]}
    parts, at = list[str](), 0
    opened: re.Match[str] | None = None
    for tag in tags:
        name, closes = _name(tag), bool(tag["close"] or tag["ends"])
        if not closes and opened is None and last_close.get(name, -1) > tag.start():
            opened = tag
        elif closes and opened is not None and name == _name(opened):
            parts += [text[at : opened.start()], "\n" * (tag.end() - opened.start())]
            at, opened = tag.end(), None
        elif closes and opened is None and tag is tags[0] and name not in _CALLS.split("|"):
            parts.append("\n" * tag.end())
            at = tag.end()
    return "".join([*parts, text[at:]])
