"""Word times of any text: every word of the source once, in its order, at times that never go
back."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from client.speech import speakable_pieces
from shared.http.tensors import Float32Array
from synthesizer_service.inference import Speech, word_times
from synthesizer_service.text import NO_LEXICON, ids_of, read

FRAGMENTS = [
    *("$5", "£1,234.56", "€3m", "10:30", "3.14159", "1999", "50 %", "½ cup", "5 km/h", "No. 7"),
    *(
        "Dr. Smith",
        "e.g.",
        "St. Paul's",
        "U.S.A.",
        "Henry VIII",
        "NASA",
        "Mr. and Mrs. Lee",
        "etc.",
    ),
    *("**bold**", "_slanted_", "`code`", "[a link](https://example.org)", "# Heading", "- an item"),
    *(
        "a_b@example.com",
        "https://example.org/a?b=c",
        "(212) 555-0142",
        "3rd",
        "1/2",
        "May 3, 2021",
    ),
    *(
        "café",
        "naïve",
        "well—yes",
        "state-of-the-art",
        "don’t",
        "“quoted”",
        "rock 'n' roll",
        "A & B",
    ),
    *("H2O", "v1.2.3", "x = 4", "#1", "20°C", "2 + 2", "Wait…", "Stop!", "a | b", "&amp;", "word"),
]
texts = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=12).map(" ".join)


def speech_of(symbols: int, seed: int) -> Speech:
    """Speech with a random attention, mostly along the diagonal, and a random mel."""
    generator = np.random.default_rng(seed)
    steps = int(generator.integers(1, 6 * symbols))
    weights = generator.random((steps, symbols)).astype(np.float32)
    at = np.linspace(0, symbols - 1, steps).astype(int)
    weights[np.arange(steps), at] += 5 * generator.random(steps)
    attention: Float32Array = weights / weights.sum(axis=1, keepdims=True)
    mel = generator.uniform(-4, 4, (80, 2 * steps)).astype(np.float32)
    mel[:, generator.random(2 * steps) < 0.3] = -4
    return Speech(mel=mel, attention=attention, fault=None)


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


@settings(deadline=None)
@given(texts, st.integers(0, 2**32))
def test_every_word_of_the_source_has_one_time_and_starts_never_decrease(
    text: str, seed: int
) -> None:
    for piece in speakable_pieces(text, text_format="markdown"):
        reading = read(piece.text, NO_LEXICON)
        speech = speech_of(len(ids_of(reading.said)), seed)
        words = word_times(piece.text, reading, speech, r=2)
        assert letters("".join(word["word"] for word in words)) == letters(piece.text)
        assert all(" " not in word["word"] for word in words)
        assert all(0 <= word["start"] <= word["end"] for word in words)
        assert words[-1]["end"] <= speech.mel.shape[1] * 0.0125 + 1e-3
        assert all(one["start"] <= other["start"] for one, other in pairwise(words))
