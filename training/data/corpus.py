"""Sentences for a TTS system to speak, from plain text: books, notes, Debian's `fortunes`."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

from shared.text.sentences import split_sentences
from training import TrainingError
from training.data.synthetic_text import synthetic_lines
from training.evaluation.texts import TEXTS

WORDS = range(3, 26)
CHARACTERS = range(18, 151)

_QUOTE = re.compile(r"\n%\n")  # separates the entries of a file of fortunes
_ATTRIBUTION = re.compile(r"\n\s*--.*", re.DOTALL)
_PLAIN = re.compile(r"[A-Z][A-Za-z ,'!?;:-]+[.!?]")
# Abbreviations, spelled letters, dashes: readers disagree on their pronunciation.
_AMBIGUOUS = re.compile(r"[A-Z]{2,}|--|\b[b-hj-zB-HJ-Z]\b")


def training_lines(files: Iterable[Path], seed: int = 0) -> list[str]:
    """The files' sentences and a third as many synthetic lines, without the evaluation's texts.

    Raises TrainingError for files without a sentence, OSError.
    """
    sentences = sentences_in(files, seed)
    if not sentences:
        raise TrainingError(
            "the texts hold no sentence of 3 to 25 words in letters and plain punctuation; "
            "give other files with --text"
        )
    held_out = {text for texts in TEXTS.values() for text in texts}
    synthetic = synthetic_lines(sentences, len(sentences) // 3, seed)
    lines = [line for line in sentences + synthetic if line not in held_out]
    random.Random(seed).shuffle(lines)
    return lines


def sentences_in(files: Iterable[Path], seed: int = 0) -> list[str]:
    """The files' distinct sentences of 3 to 25 words, in an order that the seed decides.

    Only letters and plain punctuation: digits and abbreviations are left to the synthetic lines.
    Raises OSError.
    """
    found: set[str] = set()
    for file in files:
        for entry in _QUOTE.split(file.read_text(errors="ignore")):
            pieces = split_sentences(_ATTRIBUTION.sub("", entry))
            found.update(piece.text.strip(' "') for piece in pieces)
    sentences = sorted(filter(_is_plain, found))
    random.Random(seed).shuffle(sentences)
    return sentences


def _is_plain(sentence: str) -> bool:
    return (
        len(sentence) in CHARACTERS
        and len(sentence.split()) in WORDS
        and _PLAIN.fullmatch(sentence) is not None
        and not _AMBIGUOUS.search(sentence)
    )
