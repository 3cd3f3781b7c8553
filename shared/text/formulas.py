r"""TeX formulas in Markdown: $x^2$, $$...$$, \(...\) and \[...\], in words and plain signs."""

import re
from collections.abc import Iterator

MAX_DEPTH = 20  # of braces; deeper groups are left out

# Code is matched first, since a dollar there opens no formula. Every alternative stops at the next
# opening sign, which keeps the search linear.
_IN_BACKSLASHES = r"(?:[^\\]|\\[^()\[\]]){1,2000}+"
_FORMULA = re.compile(
    r"```[\s\S]*?(?:```|\Z)|`[^`\n]*+`"
    r"|\$\$(?P<display>[^$]{1,2000}+)\$\$"
    rf"|\\\[(?P<bracketed>{_IN_BACKSLASHES})\\\]|\\\((?P<parenthesized>{_IN_BACKSLASHES})\\\)"
    r"|(?<![\\$\w])\$(?P<inline>(?![\s$])[^$\n]{1,300}+)(?<!\s)\$(?![\w$])"
)
_CERTAIN = re.compile(r"[\\^_{=<>]|[A-Za-z][^A-Za-z]*")
"""An inline formula has a sign of TeX or begins with a variable; "$5 or A$" is money."""

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:[.,][0-9]+)*|[A-Za-z]|\S", re.DOTALL)
_WORDS = {
    "\\pm": "±",
    "\\times": "times",
    "\\cdot": "times",
    "\\ast": "times",
    "\\div": "divided by",
    "\\leq": "≤",
    "\\le": "≤",
    "\\geq": "≥",
    "\\ge": "≥",
    "\\neq": "≠",
    "\\ne": "≠",
    "\\approx": "≈",
    "\\sim": "≈",
    "\\equiv": "is equivalent to",
    "\\propto": "is proportional to",
    "\\infty": "∞",
    "\\to": "→",
    "\\rightarrow": "→",
    "\\Rightarrow": "implies",
    "\\implies": "implies",
    "\\iff": "if and only if",
    "\\in": "∈",
    "\\notin": "is not in",
    "\\subset": "is a subset of",
    "\\subseteq": "is a subset of",
    "\\cup": "∪",
    "\\cap": "∩",
    "\\forall": "∀",
    "\\exists": "∃",
    "\\partial": "∂",
    "\\emptyset": "∅",
    "\\ldots": "and so on",
    "\\dots": "and so on",
    "\\cdots": "and so on",
    "\\mid": "given",
    "\\land": "and",
    "\\lor": "or",
    "\\neg": "not",
    "\\circ": "°",
    "\\%": "percent",
    "\\$": "dollars",
    "\\\\": ",",
    "=": "equals",
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "over",
    "<": "is less than",
    ">": "is greater than",
    "\\sin": "sine",
    "\\cos": "cosine",
    "\\tan": "tangent",
    "\\ln": "natural log",
    "a": "A",  # not the article
    "d": "D",  # not days
}
_RANGES = {
    "\\int": "the integral",
    "\\sum": "the sum",
    "\\prod": "the product",
    "\\lim": "the limit",
}
_GROUPED = frozenset({"\\begin", "\\end", "\\label", "\\tag", "\\color"})
"""Commands whose argument is not read."""
_SILENT = frozenset(
    re.findall(
        r"\S+",
        r"\left \right \big \Big \bigg \Bigg \displaystyle \quad \qquad \limits \text \mathrm "
        r"\mathbf \mathit \mathbb \mathcal \operatorname \textbf \textit \boxed \hat \bar \vec "
        r"\tilde \, \; \: \! & ~ { }",
    )
)
_GIVEN = re.compile(r"\b((?:P|Pr|E|p)[(\[][^()|\[\]]{1,60}+)\|")  # P(A|B)
_ABSOLUTE = re.compile(r"\|([^|{}]{1,60}+)\|")
_SIZE = re.compile(r"(\w) times (\w)")  # of a matrix, n by m
_PLAIN_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|operatorname)\s*\{([^{}\\]*+)\}")


def find_formulas(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and words of each formula in a Markdown text. Takes time linear in its length."""
    for match in _FORMULA.finditer(text):
        inline = match["inline"]
        if inline and not _CERTAIN.match(inline) and not re.search(r"[\\^_{=<>]", inline):
            continue
        content = match["display"] or match["bracketed"] or match["parenthesized"] or inline
        if content and (words := formula_words(content)):
            if len(words) == match.end() - match.start():
                words = words.replace(" ", "  ", 1)  # of the same length, it would be literal
            yield match.start(), match.end(), words


def formula_words(formula: str) -> str:
    """ "\\frac{1}{x^2} \\leq y" -> "1 over x^2 ≤ y"."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[1].strip())
        return f" {chr(0xE100 + len(kept) - 1)} " if len(kept) < 256 else " "

    formula = _GIVEN.sub(r"\1\\mid ", formula)
    formula = _ABSOLUTE.sub(r"\\text{the absolute value of} \1", formula)
    tokens = _TOKEN.findall(_PLAIN_TEXT.sub(keep, formula))
    words = " ".join(_Formula(tokens).words())
    words = re.sub(r" (?=[,;:.!)\]°^])|(?<=[(\[]) ", "", words)
    return re.sub("[\ue100-\ue1ff]", lambda match: kept[ord(match[0]) - 0xE100], words)


class _Formula:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def words(self) -> Iterator[str]:
        while self._at < len(self._tokens):
            yield from self._until("", 0)

    def _until(self, closing: str, depth: int) -> Iterator[str]:
        last = ""
        while (token := self._peek()) and token != closing:
            is_variable = token.isalpha() and token != "d"
            for words in self._next(depth + 1):
                # "2 a" would be two amps, and "x^2 m" square meters.
                yield f"times {words}" if is_variable and last[-1:].isdecimal() else words
                last = words

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _argument(self, depth: int) -> str:
        """The words of a group in braces, or of one token."""
        if self._peek() != "{":
            return " ".join(self._next(depth + 1)) if self._peek() else ""
        self._at += 1
        words = " ".join(self._until("}", depth))
        self._at += 1
        return words

    def _next(self, depth: int) -> Iterator[str]:
        token = self._peek()
        self._at += 1
        if depth > MAX_DEPTH:
            return
        if token in {"\\frac", "\\dfrac", "\\tfrac"}:
            yield f"{self._argument(depth)} over {self._argument(depth)}"
        elif token == "\\sqrt":
            yield f"the square root of {self._argument(depth)}"
        elif token in _RANGES:
            yield from self._range(_RANGES[token], depth)
        elif token == "^":
            power = _SIZE.sub(r"\1 by \2", self._argument(depth))
            known = power.isdecimal() or power in {"°", "*", "'"}
            yield f"^{power}" if power.isdecimal() else power if known else f"to the {power}"
        elif token == "_":
            yield f"sub {self._argument(depth)}"
        elif token in _GROUPED:
            self._argument(depth)
        elif token == "{":
            self._at -= 1
            yield self._argument(depth)
        elif token not in _SILENT:
            yield _WORDS.get(token) or token.lstrip("\\")

    def _range(self, name: str, depth: int) -> Iterator[str]:
        """The words of an operator with limits: \\sum_{i=1}^n."""
        yield name
        bounds = {}
        while (sign := self._peek()) in {"_", "^"} and sign:
            self._at += 1
            bounds[sign] = self._argument(depth)
        if "_" in bounds:
            between = "as" if name == "the limit" else "from" if "^" in bounds else "over"
            bound = bounds["_"].replace("→", "approaches") if between == "as" else bounds["_"]
            yield f"{between} {bound}"
        if "^" in bounds:
            yield f"to {bounds['^']}"
        yield "of"
