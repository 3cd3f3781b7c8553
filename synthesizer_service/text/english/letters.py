"""Letter names, respelled for the network: FBI is "eff bee eye"."""

from synthesizer_service.text.english.number_words import digit_words

LETTER_NAMES = {
    "a": "eigh",
    "b": "bee",
    "c": "see",
    "d": "dee",
    "e": "ee",
    "f": "eff",
    "g": "jee",
    "h": "aitch",
    "i": "eye",
    "j": "jay",
    "k": "kay",
    "l": "ell",
    "m": "em",
    "n": "en",
    "o": "oh",
    "p": "pee",
    "q": "queue",
    "r": "ar",
    "s": "ess",
    "t": "tee",
    "u": "you",
    "v": "vee",
    "w": "double you",
    "x": "ex",
    "y": "why",
    "z": "zee",
}


def spell(characters: str) -> str:
    """Letters and digits by name, other characters dropped: "H2O" -> "aitch two oh"."""
    return " ".join(
        LETTER_NAMES.get(character) or digit_words(character)
        for character in characters.lower()
        if character in LETTER_NAMES or character.isdecimal()
    )
