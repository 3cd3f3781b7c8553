"""The judgement of a sound: the words understood, its quality, its likeness to a voice."""

from collections.abc import Mapping
from dataclasses import dataclass

from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import UnusableClip
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training.data.features import embed_voice
from training.evaluation.quality import Dnsmos, Quality
from training.evaluation.recognition import Errors, Recogniser


@dataclass(frozen=True)
class Judgement:
    """heard, errors: by recogniser. likeness: cosine of the embeddings, None where no voice was
    found."""

    heard: dict[str, str]
    errors: dict[str, Errors]
    likeness: float | None
    quality: Quality


class Judge:
    def __init__(
        self, encoder: SpeakerEncoder, recognisers: Mapping[str, Recogniser], dnsmos: Dnsmos
    ) -> None:
        self._encoder, self._recognisers, self._dnsmos = encoder, recognisers, dnsmos

    def heard(self, wav: Float32Array) -> dict[str, str]:
        """By recogniser. wav: [n] at 16 kHz."""
        return {name: one.transcribe(wav) for name, one in self._recognisers.items()}

    def embed(self, wav: Float32Array) -> Float32Array | None:
        """[256], unit length; None where no voice is found. wav: [n] at 16 kHz."""
        try:
            return embed_voice(self._encoder, wav, MEL_FORMAT.sample_rate)
        except UnusableClip:
            return None

    def judge(
        self, wav: Float32Array, said: str | Mapping[str, str], voice: Float32Array | None
    ) -> Judgement:
        """wav: [n] at 16 kHz. said: the text, or what each recogniser is to hear. voice: the
        embedding that it is to have."""
        heard = self.heard(wav)
        errors = {
            name: Errors.between(said if isinstance(said, str) else said[name], text)
            for name, text in heard.items()
        }
        return Judgement(heard, errors, likeness(self.embed(wav), voice), self._dnsmos.rate(wav))


def likeness(one: Float32Array | None, other: Float32Array | None) -> float | None:
    """Cosine of two embeddings; None where one of them is missing."""
    return None if one is None or other is None else float(one @ other)
