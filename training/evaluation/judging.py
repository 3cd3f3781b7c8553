"""Judging speech: word errors, likeness to a voice, and quality by DNSMOS."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from encoder_service.model import SpeakerEncoder
from encoder_service.preprocess import UnusableClip
from shared.audio.mel import MEL_FORMAT
from shared.http.tensors import Float32Array
from training.data.features import embed_voice
from training.evaluation.recognition import Errors, Recogniser


@dataclass(frozen=True)
class Quality:
    """DNSMOS scores from 1 to 5. ovrl: overall; sig: speech; bak: background (P.835). p808: overall
    by another network (P.808)."""

    ovrl: float
    sig: float
    bak: float
    p808: float


class Dnsmos:
    """Networks that predict listeners' ratings (C. Reddy, V. Gopal and R. Cutler, "DNSMOS P.835",
    arXiv:2110.01763), from the PyPI package `speechmos`, on one thread."""

    def __init__(self) -> None:
        """Raises ModuleNotFoundError without the extra `train`."""
        from onnxruntime import InferenceSession, SessionOptions
        from speechmos.dnsmos import DNSMOS

        models = files("speechmos") / "dnsmos_models"
        paths = [str(models / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
        self._dnsmos = DNSMOS(*paths)
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._dnsmos.onnx_sess, self._dnsmos.p808_onnx_sess = (
            InferenceSession(path, options) for path in paths
        )

    def rate(self, wav: Float32Array) -> Quality:
        """The scores of `speechmos.dnsmos.run`. wav: [n] at 16 kHz."""
        scores = self._dnsmos(np.clip(wav, -1, 1), MEL_FORMAT.sample_rate, False)
        names = ("ovrl", "sig", "bak", "p808")
        return Quality(*(float(scores[f"{name}_mos"]) for name in names))


@dataclass(frozen=True)
class Judgement:
    """heard: transcripts by recogniser; errors: their errors. likeness: cosine of the embeddings,
    None where the encoder finds no voice."""

    heard: dict[str, str]
    errors: dict[str, Errors]
    likeness: float | None
    quality: Quality


class Judge:
    def __init__(
        self, encoder: SpeakerEncoder, recognisers: Mapping[str, Recogniser], dnsmos: Dnsmos
    ) -> None:
        self._encoder, self._recognisers, self._dnsmos = encoder, recognisers, dnsmos

    def transcribe(self, wav: Float32Array) -> dict[str, str]:
        """Transcripts by recogniser. wav: [n] at 16 kHz."""
        return {name: one.transcribe(wav) for name, one in self._recognisers.items()}

    def embed(self, wav: Float32Array) -> Float32Array | None:
        """[256], unit length; None without a voice. wav: [n] at 16 kHz."""
        try:
            return embed_voice(self._encoder, wav, MEL_FORMAT.sample_rate)
        except UnusableClip:
            return None

    def judge(
        self, wav: Float32Array, reference: str | Mapping[str, str], voice: Float32Array | None
    ) -> Judgement:
        """Judge a sound against a text and a voice.

        wav: [n] at 16 kHz. reference: the text, or one for each recogniser. voice: the embedding to
        compare with, [256].
        """
        heard = self.transcribe(wav)
        errors = {
            name: Errors.between(reference if isinstance(reference, str) else reference[name], text)
            for name, text in heard.items()
        }
        return Judgement(heard, errors, likeness(self.embed(wav), voice), self._dnsmos.rate(wav))


def likeness(one: Float32Array | None, other: Float32Array | None) -> float | None:
    """Cosine of two embeddings; None if either is missing."""
    return None if one is None or other is None else float(one @ other)
