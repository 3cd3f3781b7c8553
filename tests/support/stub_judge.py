"""Stubs for tests of the evaluation, whose models the extra `dev` does not hold."""

from typing import Any, cast

import numpy as np

from shared.http.tensors import Float32Array
from training.evaluation.judging import Dnsmos, Judge, Judgement, Quality
from training.evaluation.recognition import Errors

PERFECT = Errors(words=0, of_words=4, characters=0, of_characters=18)
QUALITY = Quality(ovrl=3.0, sig=3.5, bak=4.0, p808=3.25)
JUDGED = Judgement(
    heard={"tiny.en": "four words of text", "base": "four words of text"},
    errors={"tiny.en": PERFECT, "base": PERFECT},
    likeness=0.9,
    quality=QUALITY,
)


class StubRecogniser:
    def __init__(self, name: str = "tiny.en") -> None:
        pass

    def transcribe(self, wav: Float32Array) -> str:
        return "hello"


class StubDnsmos:
    def rate(self, wav: Float32Array) -> Quality:
        return QUALITY


class StubJudge(Judge):
    """Transcribes to nothing, and finds one voice everywhere except in a single sample."""

    def __init__(self) -> None:
        super().__init__(cast(Any, None), {}, cast(Dnsmos, StubDnsmos()))

    def transcribe(self, wav: Float32Array) -> dict[str, str]:
        return {"base": ""}

    def embed(self, wav: Float32Array) -> Float32Array | None:
        return None if len(wav) == 1 else np.full(256, 1 / 16, np.float32)
