"""Synthetic text: lines that books lack, such as names, numbers, dates, single words, word lists.

Word lists teach spelling: without a context, only a word's letters tell how it sounds.
"""

import random
import re
from collections.abc import Callable, Sequence


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "James Mary John Patricia Robert Jennifer Michael Linda William Elizabeth David Barbara "
    "Richard Susan Joseph Jessica Thomas Sarah Charles Karen Daniel Nancy Matthew Anthony Betty "
    "Mark Helen Donald Steven Ashley Paul Andrew Emily Joshua Kenneth Michelle Kevin Carol Brian "
    "Amanda George Dorothy Edward Melissa Deborah Stephanie Rebecca Laura Jacob Cynthia Kathleen "
    "Nicholas Angela Jonathan Anna Brenda Justin Nicole Benjamin Samantha Katherine Samuel Emma "
    "Gregory Ruth Frank Christine Alexander Patrick Jack Rachel Dennis Maria Tyler Aaron Diane "
    "Henry Olivia Adam Douglas Victoria Nathan Kelly Peter Zachary Walter Evelyn Oliver Lauren "
    "Harold Arthur Margaret Charlotte Grace Sophie Alice Lucy Chloe Hannah Leo Simon Martin Hugo"
)
LAST_NAMES = _words(
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Moore Jackson "
    "White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams "
    "Nelson Baker Hall Campbell Mitchell Carter Roberts Turner Phillips Evans Parker Edwards "
    "Collins Stewart Morris Murphy Cook Rogers Morgan Cooper Peterson Reed Bailey Bell Howard Ward "
    "Cox Richardson Wood Watson Brooks Bennett Gray Hughes Price Myers Long Foster Sanders Ross "
    "Powell Sullivan Russell Hudson Ellis Fisher Harrison Gibson Graham Hamilton Marshall Kennedy"
)
PLACES = _words(
    "London Paris Boston Chicago Dublin Sydney Oxford Cambridge Berlin Madrid Rome Vienna Toronto "
    "Denver Dallas Houston Phoenix Seattle Portland Atlanta Miami Detroit Moscow Tokyo Manchester "
    "Liverpool Glasgow Edinburgh Brussels Geneva Athens Cairo Melbourne Auckland Vancouver "
    "Montreal Philadelphia Baltimore Washington California Texas Florida Virginia Georgia England "
    "Scotland Ireland Germany France Australia America"
)
TITLES = _words("Doctor Professor Captain Mister Judge Sergeant")
SUBJECTS = _words("history music chemistry physics English law medicine geography economics")
THINGS = _words(
    "parcel letter box chair table window engine ticket garden kettle bottle bicycle basket lamp "
    "mirror piano camera jacket blanket ladder"
)
MONTHS = _words(
    "January February March April May June July August September October November December"
)
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
STATES = _words("sold broken missing empty full taken gone")

_WORD = re.compile(r"[A-Za-z']{2,}")
MAX_FRAGMENT_WORDS = 4
LIST_WORDS = (3, 7)


def synthetic_lines(sentences: Sequence[str], number: int, seed: int = 0) -> list[str]:
    """`number` lines. Of five, two come from patterns, one is a fragment of a sentence, and two are
    lists of the sentences' words."""
    rng = random.Random(seed)
    words = sorted({word.lower() for line in sentences for word in _WORD.findall(line)})
    kinds: list[Callable[[], str]] = [
        lambda: _pattern(rng),
        lambda: _pattern(rng),
        lambda: _fragment(rng, sentences),
        lambda: _word_list(rng, words),
        lambda: _word_list(rng, words),
    ]
    return [kinds[i % len(kinds)]() for i in range(number)]


def _fragment(rng: random.Random, sentences: Sequence[str]) -> str:
    words = [word for word in rng.choice(sentences).split() if word.strip("-")]
    length = rng.randint(1, MAX_FRAGMENT_WORDS)
    start = rng.randint(0, max(0, len(words) - length))
    return _sentence(" ".join(words[start : start + length]).strip(" ,;:'.!?-"), rng.choice("..!?"))


def _word_list(rng: random.Random, words: Sequence[str]) -> str:
    chosen = rng.choices(words, k=rng.randint(*LIST_WORDS))
    return _sentence(rng.choice((" ", ", ")).join(chosen), ".")


def _sentence(words: str, end: str) -> str:
    return words[:1].upper() + words[1:] + end


def _pattern(rng: random.Random) -> str:
    one, number = rng.choice, rng.randint

    def name() -> str:
        return f"{one(FIRST_NAMES)} {one(LAST_NAMES)}"

    def day() -> str:
        return f"the {ordinal(number(1, 31))} of {one(MONTHS)}"

    patterns: list[Callable[[], str]] = [
        lambda: f"{name()} will see {one(TITLES)} {name()} in {one(PLACES)}.",
        lambda: f"{one(FIRST_NAMES)} and {one(FIRST_NAMES)} came from {one(PLACES)}.",
        lambda: f"Please send this to {name()} and {name()}.",
        lambda: f"{one(TITLES)} {one(LAST_NAMES)} reads {one(SUBJECTS)} in {one(PLACES)}.",
        lambda: f"Have you seen {name()} since {one(MONTHS)}?",
        lambda: f"My name is {name()}, and I live near {one(PLACES)}.",
        lambda: (
            f"The {one(THINGS)} is {number(2, 99)} pounds, or ${number(1, 300)}.{number(10, 99)}."
        ),
        lambda: f"In {number(1700, 2025)} there were {number(1, 9)},{number(100, 999)} of them.",
        lambda: f"Come at {number(1, 12)}:{number(10, 59)} on {day()}.",
        lambda: f"About {number(3, 99)}% of {number(20, 900)} {one(THINGS)}s are {one(STATES)}.",
        lambda: f"The number is {', '.join(str(number(0, 9)) for _ in range(number(3, 8)))}.",
        lambda: f"It was {number(2, 59)} minutes past {number(1, 12)} on {one(DAYS)}.",
        lambda: f"We need {number(2, 90)} {one(THINGS)}s by {day()}.",
        lambda: f"Chapter {number(1, 40)}, page {number(1, 500)}.",
    ]
    return one(patterns)()


def ordinal(day: int) -> str:
    if day in (11, 12, 13):
        return f"{day}th"
    return f"{day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th') }"
