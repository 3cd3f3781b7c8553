"""The limits of a lexicon, which the gateway and the synthesizer both check."""

MAX_ENTRIES = 1_000
MAX_WORD_CHARACTERS = 60
MAX_RESPELLING_CHARACTERS = 200
RESPELLING = "[A-Za-z][A-Za-z' ,.-]*"
"""As a regular expression: letters, and spaces and marks between them."""
