"""Verdicts on the samples of a voice, and the embedding that they make together.

An embedding of n seconds of speech scatters around the voice's own like a mean of n draws: their
cosine is 1 / √(1 + k/n). k = 0.45 s was measured with nine voices, three of them people. It
predicts the cosine of two disjoint pieces of a clip (0.6 to 4 s, mean 0.63 to 0.94) to within 0.03,
except for 0.6 s of one voice. The cosine of two recordings, divided by this expectation, is their
likeness: 1 for pieces of one recording, 0.58 to 0.65 among three people, 0.55 to 0.80 among the
presets (0.97 for two that are nearly one voice).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from client.chain import EmbeddedClip
from gateway_service.voices.schemas import SampleVerdict
from shared import voices
from shared.audio.clip_report import ClipReport
from shared.http.tensors import Float32Array

_SPREAD_SECONDS = 0.45
MIN_LIKENESS = 0.75
"""Least likeness of two samples of one person, also with different microphones."""
REACHED_LIKENESS = 0.75
"""Cosine of the bundled voice's speech with a clear recording of a real person (docs/evaluation.md;
0.88 for the synthetic presets)."""

# Measured with the same nine voices: cosine of the embedding with that of the clean clip, after
# white or pink noise was added, or after clipping.
_SNR_DB = (7, 12, 17, 22, 30, 40)
_NOISE_COSINE = (0.62, 0.69, 0.75, 0.82, 0.95, 1.0)
_CLIPPED_SHARE = (0.001, 0.01, 0.1, 0.25)
_CLIPPED_COSINE = (1.0, 0.9, 0.75, 0.65)


@dataclass(frozen=True)
class HeardSample:
    """clip: None for a sample that cannot be used, for the reason `problem`.

    file_warnings: faults of the file, found before the encoder got it.
    """

    file: str
    sha256: str
    clip: EmbeddedClip | None = None
    problem: str = ""
    file_warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Usable:
    """embeds: [K, 256] and seconds: [K] of the samples at `indices` of the list."""

    indices: list[int]
    embeds: Float32Array
    seconds: Float32Array


def judge(samples: Sequence[HeardSample]) -> list[SampleVerdict]:
    """A verdict on each. Of three and more, those unlike the rest are not used."""
    verdicts = [_verdict(sample) for sample in samples]
    heard = _heard(samples)
    if len(heard.indices) > 1:
        _compare(heard, verdicts)
    return verdicts


def mean_embed(samples: Sequence[HeardSample], verdicts: Sequence[SampleVerdict]) -> Float32Array:
    """[256], unit length: the mean over the usable samples, weighted by their seconds of speech.

    Raises ValueError if none is usable.
    """
    used = [s for s, verdict in zip(samples, verdicts, strict=True) if verdict.usable]
    heard = _heard(used)
    if not heard.indices:
        raise ValueError("no sample is usable")
    return voices.mean_embed(list(heard.embeds), heard.seconds.tolist())


def expected_similarity(report: ClipReport) -> float:
    """0 to 1: likeness of the speech to the person in this sample.

    Too low for a speaker who never pauses: see `snr_db` of ClipReport.
    """
    noise = np.interp(report.snr_db, _SNR_DB, _NOISE_COSINE)
    clipping = np.interp(report.clipped_share, _CLIPPED_SHARE, _CLIPPED_COSINE)
    to_person = _to_own_voice(np.float32(report.voiced_seconds)) * noise * clipping
    return float(REACHED_LIKENESS * to_person)


def _to_own_voice(seconds: Float32Array | np.float32) -> Float32Array:
    cosine = 1 / np.sqrt(1 + _SPREAD_SECONDS / np.maximum(seconds, 0.1))
    return np.asarray(cosine, np.float32)


def _heard(samples: Sequence[HeardSample]) -> _Usable:
    known = [(i, sample.clip) for i, sample in enumerate(samples) if sample.clip]
    return _Usable(
        [i for i, _ in known],
        np.array([clip.embed for _, clip in known], np.float32),
        np.array([clip.report.voiced_seconds for _, clip in known], np.float32),
    )


def _verdict(sample: HeardSample) -> SampleVerdict:
    verdict = SampleVerdict(file=sample.file, sha256=sample.sha256, usable=False)
    if (clip := sample.clip) is None:
        return verdict.model_copy(update={"warnings": [sample.problem]})
    report = clip.report
    return SampleVerdict(
        file=sample.file,
        sha256=sample.sha256,
        usable=True,
        seconds=round(report.seconds, 2),
        voiced_seconds=round(report.voiced_seconds, 2),
        clipped_share=round(report.clipped_share, 4),
        level_dbfs=round(report.level_dbfs, 1),
        snr_db=round(report.snr_db, 1),
        expected_similarity=round(expected_similarity(report), 2),
        warnings=[*sample.file_warnings, *report.warnings],
        notes=list(report.notes),
        encoder=clip.encoder or None,
    )


def _compare(heard: _Usable, verdicts: Sequence[SampleVerdict]) -> None:
    """Add similarities to the verdicts, and mark the samples that are not used."""
    cosines = heard.embeds @ heard.embeds.T  # [K, K]
    own = _to_own_voice(heard.seconds)
    likeness = cosines / (own[:, None] * own)
    used = _of_one_speaker(likeness)
    for k, index in enumerate(heard.indices):
        verdict, others = verdicts[index], [other for other in used if other != k]
        verdict.usable = k in used
        verdict.similarity = round(float(cosines[k, others].mean()), 2)
        if likeness[k, others].mean() < MIN_LIKENESS:
            verdict.warnings.append(_unlike(verdict.similarity, verdict.usable))


def _of_one_speaker(likeness: Float32Array) -> list[int]:
    """Leave out the sample least like the others until all are alike, or two are left.

    Of two, neither is known to be the wrong one. likeness: [K, K]. Returns indices.
    """
    kept = list(range(len(likeness)))
    while len(kept) > 2:
        among = likeness[np.ix_(kept, kept)]
        to_others = (among.sum(axis=1) - among.diagonal()) / (len(kept) - 1)
        if to_others.min() >= MIN_LIKENESS:
            break
        del kept[int(to_others.argmin())]
    return kept


def _unlike(similarity: float, usable: bool) -> str:
    left_out = "" if usable else ", so it is not used"
    return (
        f"sounds like another person than the other samples (similarity {similarity:.2f})"
        f"{left_out}; send samples of one person, recorded in the same way"
    )
