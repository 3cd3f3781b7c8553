"""The phonemes of a text, as a listener is to hear them: espeak's, without stress and length."""

from functools import cache, lru_cache
from typing import Any

import numpy as np

from shared.http.tensors import Int64Array

PHONEMES = "aæɑɐʌɔoɜɛeəɚɪiᵻʊubdðfɡhjklmnŋpɹsʃtɾθvwzʒ"
_ID_OF = {phoneme: index for index, phoneme in enumerate(PHONEMES, start=1)} | {
    "ʔ": 1 + PHONEMES.index("t")
}


@lru_cache(maxsize=100_000)
def phoneme_ids(text: str) -> Int64Array:
    """[P], each 1..len(PHONEMES); 0 is left for CTC's blank. Empty for a text without a word.

    text: normalized. Raises ModuleNotFoundError without the extra `train`.
    """
    phonemes: str = _tokenizer().phonemize(text, "en-us")
    return np.array([_ID_OF[one] for one in phonemes if one in _ID_OF], np.int64)


@cache
def _tokenizer() -> Any:
    from kokoro_onnx.tokenizer import Tokenizer

    return Tokenizer()
