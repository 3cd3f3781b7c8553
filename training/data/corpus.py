"""Sentences to be spoken, from any plain text: books, notes, or Debian's `fortunes`."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

from shared.text.sentences import split_sentences
from training.data.synthetic_text import synthetic
from training.errors import TrainingError
from training.evaluation.texts import TEXTS

WORDS = range(3, 26)
CHARACTERS = range(18, 151)

_QUOTE = re.compile(r"\n%\n")  # between the entries of a file of fortunes
_ATTRIBUTION = re.compile(r"\n\s*--.*", re.DOTALL)
_PLAIN = re.compile(r"[A-Z][A-Za-z ,'!?;:-]+[.!?]")
# Abbreviations, letters that are spelled, dashes: no two readers agree on them.
_ODD = re.compile(r"[A-Z]{2,}|--|\b[b-hj-zB-HJ-Z]\b")


def lines_of(files: Iterable[Path], seed: int = 0) -> list[str]:
    """The sentences, and among them a third as many made-up lines; none of the evaluation's texts.

    Raises TrainingError for files without a sentence, OSError.
    """
    sentences = sentences_of(files, seed)
    if not sentences:
        raise TrainingError(
            "the texts hold no sentence of 3 to 25 words in letters and plain punctuation"
        )
    held_out = {text for texts in TEXTS.values() for text in texts}
    made = synthetic(sentences, len(sentences) // 3, seed)
    lines = [line for line in sentences + made if line not in held_out]
    random.Random(seed).shuffle(lines)
    return lines


def sentences_of(files: Iterable[Path], seed: int = 0) -> list[str]:
    """Each sentence once, in an order that the seed decides. Raises OSError.

    Kept are those of 3 to 25 words in letters and plain punctuation: what is written in figures
    or abbreviations the recipe leaves to the text front end.
    """
    found: set[str] = set()
    for file in files:
        for entry in _QUOTE.split(file.read_text(errors="ignore")):
            pieces = split_sentences(_ATTRIBUTION.sub("", entry))
            found.update(piece.text.strip(' "') for piece in pieces)
    kept = sorted(filter(_is_plain, found))
    random.Random(seed).shuffle(kept)
    return kept


def _is_plain(sentence: str) -> bool:
    return (
        len(sentence) in CHARACTERS
        and len(sentence.split()) in WORDS
        and _PLAIN.fullmatch(sentence) is not None
        and not _ODD.search(sentence)
    )
