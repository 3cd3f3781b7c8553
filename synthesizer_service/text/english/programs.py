"""Lines of programs and of version control: "#include <stdio.h>", "10 insertions(+)"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words, digit_words
from synthesizer_service.text.english.rules import LETTER, SIGN, before, rule


def _hunk(match: re.Match[str]) -> str:
    """The heading of a part of a diff: "@@ -10,7 +12,6 @@"."""
    return f"line {cardinal_words(match['line'])},"


def _ports(match: re.Match[str]) -> str | None:
    """-p 8080:80"""
    if not re.search(r"(?:^| )(?:-p|--publish)[ =]$", before(match)):
        return None
    return f"{digit_words(match[1])} to {digit_words(match[2])}"


def _changed(match: re.Match[str]) -> str | None:
    """The signs of "users.py | 12 +++---"."""
    return "" if re.search(r"\| *[0-9]{1,6} $", before(match)) else None


_COMMANDS = (
    "ls|rm|cp|mv|tar|grep|chmod|chown|ps|df|du|ssh|scp|curl|wget|git|docker|pip|npm|sudo|cat|find|"
    "mkdir|kill|head|tail|sed|awk|python3?|bash|sh|apt|make|gcc|ffmpeg|sort|diff|less|zip"
)
_COMMAND_BEFORE = re.compile(rf"(?:^|[ |;'`])(?:{_COMMANDS}) (?:[^|;]{{0,36}} )?$")


def _flags(match: re.Match[str]) -> str | None:
    """ls -la"""
    return f"dash {spell(match[1])}" if _COMMAND_BEFORE.search(before(match)) else None


def _prompt(match: re.Match[str]) -> str | None:
    """The $ of a shell before a command."""
    return None if before(match).strip() else ""


RULES = (
    rule(r"\$ (?=[a-z./])", _prompt, SIGN),
    rule(r"ssh(?= [a-z0-9-])", spell("ssh"), LETTER),
    rule(r"(?<=[+-])Del(?![A-Za-z0-9])", "delete", LETTER),
    rule(r"(?<= )-([A-Za-z]{1,4})(?![A-Za-z0-9-])", _flags, SIGN),
    rule(r"\[[0-9:]{4,8}<[^\]\n]{1,40}\]", "", SIGN),  # of a progress bar
    rule(r"\+{1,80}-{0,80}(?= |$)|-{1,80}(?= |$)", _changed, SIGN),
    rule(r"@@ -[0-9]{1,6}(?:,[0-9]{1,6})? \+(?P<line>[0-9]{1,6})(?:,[0-9]{1,6})? @@", _hunk, SIGN),
    rule(r"(?<=insertions)\(\+\)|(?<=insertion)\(\+\)", "", SIGN),
    rule(r"(?<=deletions)\(-\)|(?<=deletion)\(-\)", "", SIGN),
    rule(r"#(?=(?:include|import) ?[<\"]|define [A-Z_]|if(?:n?def)? [A-Z_]|endif\b)", "", SIGN),
    rule(r"(?<=SELECT )\*(?= FROM\b)|(?<=select )\*(?= from\b)", "star", SIGN),
    rule(r"&&", "and", SIGN),
    rule(r"(?<= )\|\|(?= )", "or", SIGN),
    rule(r"(?<=[A-Za-z])::(?=[A-Za-z])", "", SIGN),
    rule(r"\*(?=\.[a-z])", "star", SIGN),
    rule(r"(?<=, )\*(?=,)", "star", SIGN),
    rule(r"(?i:COUNT)\(\*\)", "count star", LETTER),
    rule(r"([0-9]{2,5}):([0-9]{2,5})(?![0-9:.])", _ports),
)
