"""Limits of a lexicon, shared by the gateway and the synthesizer."""

MAX_ENTRIES = 1_000
MAX_WORD_CHARACTERS = 60
MAX_RESPELLING_CHARACTERS = 200
RESPELLING = "[A-Za-z][A-Za-z' ,.-]*"
"""Pattern of a respelling: letters, with spaces and marks between them."""
