"""TeX formulas in Markdown, in words."""

import pytest

from shared.text.formulas import MAX_DEPTH, find_formulas, formula_words
from shared.text.sentences import split_sentences


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (r"\frac{1}{x^2} \leq y", "1 over x ^2 ≤ y"),
        (r"x = \sqrt{b^2-4ac}", "x equals the square root of b ^2 minus 4 times A c"),
        (r"\sum_{i=1}^{n} i", "the sum from i equals 1 to n of i"),
        (r"\text{speed} = 5\%", "speed equals 5 percent"),
        (r"\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}", "x equals 1, y equals 2"),
    ],
)
def test_formula_is_put_into_words(formula: str, words: str) -> None:
    assert formula_words(formula).replace(" ^", "^") == words.replace(" ^", "^")


@pytest.mark.parametrize(
    "text", ["It costs $5 and $10, not $15.", "`$a_b$` is code", "from $5 to $9"]
)
def test_money_and_code_are_no_formulas(text: str) -> None:
    assert list(find_formulas(text)) == []


@pytest.mark.parametrize("written", ["$x_1$", "$$x_1$$", r"\(x_1\)", r"\[x_1\]"])
def test_each_kind_of_formula_keeps_its_place(written: str) -> None:
    source = f"Let {written} be **odd**."
    (piece,) = split_sentences(source, text_format="markdown")
    assert piece.text == "Let x sub 1 be odd."
    formula = next(run for run in piece.content.runs if "sub 1" in run.text)
    assert source[formula.start : formula.end] == written


def test_plain_text_has_no_formulas() -> None:
    assert split_sentences("Say $x_1$ now.")[0].text == "Say $x_1$ now."


def test_deep_braces_are_left_out() -> None:
    deep = "\\sqrt{" * 1000 + "x" + "}" * 1000
    assert formula_words(deep).count("square root") <= MAX_DEPTH + 1
