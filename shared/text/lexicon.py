"""The limits of a lexicon, which the gateway and the synthesizer both check."""

MAX_ENTRIES = 1_000
MAX_WORD_CHARACTERS = 60
MAX_RESPELLING_CHARACTERS = 200
