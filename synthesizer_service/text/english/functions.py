"""Functions of mathematics: "sin(x)", "log10(x)", "f'(x)", "5!", and "F = ma"."""

import re

from synthesizer_service.text.english.letters import spell
from synthesizer_service.text.english.number_words import cardinal_words
from synthesizer_service.text.english.rules import LETTER, SIGN, after, before, rule

_FUNCTIONS = {
    "sin": "sine",
    "cos": "cosine",
    "tan": "tangent",
    "log": "log",
    "ln": "natural log",
    "exp": "exp",
}


def _function(match: re.Match[str]) -> str:
    argument, degree = match["argument"].removesuffix("°"), match["argument"].endswith("°")
    said = cardinal_words(argument) if argument.isdecimal() else spell(argument)
    return f"{_FUNCTIONS[match['name']]} of {said}{' degrees' if degree else ''}"


def _number_factorial(match: re.Match[str]) -> str | None:
    """5! =, (5!); not "(really 48!)" """
    if match.string.startswith(")", match.end()) and not re.search(r"[(=+*/×-] ?$", before(match)):
        return None
    return f"{cardinal_words(match[1])} factorial"


def _factorial(match: re.Match[str]) -> str | None:
    return "factorial" if re.search(r"[a-z] ?[-+] ?[a-z0-9]\)$", before(match)) else None


def _derivative(match: re.Match[str]) -> str:
    """f'(x), y'' + y"""
    prime = "prime" if len(match["primes"]) == 1 else "double prime"
    of = f" of {spell(match['argument'])}" if match["argument"] else ""
    return f"{spell(match['name'])} {prime}{of}"


def _variables(match: re.Match[str]) -> str | None:
    """F = ma"""
    return spell(match[0]) if re.search(r"(?:^|[ (])[A-Z] ?= ?$", before(match)) else None


def _logarithm(match: re.Match[str]) -> str:
    return f"log base {cardinal_words(match[1])} of"


def _over(match: re.Match[str]) -> str | None:
    """v = d/t, 1/(1+x), ∂f/∂x"""
    lead, rest = before(match), after(match)
    if not re.search(r"(?:^|[^A-Za-z0-9.])(?:[0-9]{1,4}|[A-Za-zα-ω]|[^()]\))$", lead):
        return None
    quotient = re.match(r"\([0-9A-Za-z ]{1,9}[-+*−][^()]{1,20}\)|∂?[A-Za-zα-ω](?![A-Za-z])", rest)
    equated = re.search(r"= ?[^= ]{0,10}$", lead) or re.match(r"[^ ]{1,6} ?=|[(∂]", rest)
    return "over" if quotient and equated else None


RULES = (
    rule(r"/", _over, SIGN),
    rule(r"mc\^?2(?![A-Za-z0-9])", f"{spell('MC')} squared", LETTER),
    rule(r"lim(?= ?[a-z] ?→)", "the limit as", LETTER),
    rule(r"(?:(?<=lim [a-z])|(?<=lim [a-z] ))→", "approaches", SIGN),
    rule(r"(?<=P\([A-Z])\|(?=[A-Z]\))", "given", SIGN),
    rule(r"[a-z]{2}(?![A-Za-z0-9'(-])", _variables, LETTER),
    rule(r"log_?([0-9]{1,2})(?= ?[0-9a-z(])", _logarithm, LETTER),
    rule(
        rf"(?P<name>{'|'.join(_FUNCTIONS)})\((?P<argument>[a-z]|[0-9]{{1,4}}°?)\)",
        _function,
        LETTER,
    ),
    rule(
        r"(?P<name>sin|cos|tan|ln)(?=\^?[0-9]? ?[α-ω]| ?\([0-9]{0,2}[a-zα-ω]\))",
        lambda match: _FUNCTIONS[match["name"]],
        LETTER,
    ),
    rule(r"([0-9]{1,3})!(?= ?[=+*/×]|\))", _number_factorial),
    rule(r"([a-z])!(?= [=+*/×]|[+*/×(])", lambda match: f"{spell(match[1])} factorial", LETTER),
    rule(  # b[i-1]
        r"(?<=[\[(])([a-z])-([0-9])(?=[\])])",
        lambda match: f"{spell(match[1])} minus {cardinal_words(match[2])}",
        LETTER,
    ),
    rule(r"(?<=\))!(?= ?[=+*/×)]|$)", _factorial, SIGN),
    rule(r"(?P<name>[a-z])(?P<primes>'{1,2})\((?P<argument>[a-z])\)", _derivative, LETTER),
    rule(r"(?P<name>[a-z])(?P<primes>'{1,2})(?P<argument>)(?= [=+*/-] )", _derivative, LETTER),
)
