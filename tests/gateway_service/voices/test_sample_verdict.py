import numpy as np
import pytest

from client.chain import EmbeddedClip
from gateway_service.voices.sample_verdict import (
    REACHED_LIKENESS,
    HeardSample,
    expected_similarity,
    judge,
    mean_embed,
)
from gateway_service.voices.schemas import SampleVerdict
from shared.audio.clip_report import ClipReport
from shared.http.tensors import Float32Array
from shared.voices import sample_embeds

EMBEDS = sample_embeds()
ASH, ELM = EMBEDS["ash"], EMBEDS["elm"]  # their cosine is 0.52


def report(
    voiced_seconds: float = 5.0,
    clipped_share: float = 0.0,
    snr_db: float = 40.0,
    warnings: tuple[str, ...] = (),
) -> ClipReport:
    return ClipReport(
        voiced_seconds + 1, voiced_seconds, clipped_share, -20.0, snr_db, warnings=warnings
    )


def heard(embed: Float32Array = ASH, found: ClipReport | None = None) -> HeardSample:
    return HeardSample("clip.wav", "0" * 64, EmbeddedClip(embed, found or report()))


UNREADABLE = HeardSample("notes.txt", "1" * 64, problem="the sound file cannot be decoded")


def calls_out(verdict: SampleVerdict) -> bool:
    return any("another person" in warning for warning in verdict.warnings)


def test_lone_sample_is_compared_with_nothing() -> None:
    (verdict,) = judge([heard(found=report(4.004, warnings=("record it again",)))])
    assert verdict.usable
    assert (verdict.seconds, verdict.voiced_seconds, verdict.similarity) == (5.0, 4.0, None)
    assert verdict.warnings == ["record it again"]


def test_samples_of_one_speaker_are_all_used() -> None:
    verdicts = judge([heard(), heard(), heard()])
    assert [verdict.usable for verdict in verdicts] == [True] * 3
    assert [verdict.similarity for verdict in verdicts] == [1.0] * 3
    assert not any(map(calls_out, verdicts))


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_sample_of_another_speaker_is_called_out_and_left_out(odd: int) -> None:
    samples = [heard(ELM if place == odd else ASH) for place in range(3)]
    verdicts = judge(samples)
    assert [verdict.usable for verdict in verdicts] == [place != odd for place in range(3)]
    assert [calls_out(verdict) for verdict in verdicts] == [place == odd for place in range(3)]
    assert "not used" in verdicts[odd].warnings[0]
    assert verdicts[odd].similarity == pytest.approx(float(ASH @ ELM), abs=0.01)
    np.testing.assert_allclose(mean_embed(samples, verdicts), ASH, atol=1e-6)


def test_two_samples_that_differ_are_both_called_out_and_used() -> None:
    verdicts = judge([heard(ASH), heard(ELM)])
    assert [verdict.usable for verdict in verdicts] == [True, True]
    assert all(map(calls_out, verdicts))


@pytest.mark.parametrize(("seconds", "alike"), [(1.0, True), (20.0, False)])
def test_short_samples_may_differ_more(seconds: float, alike: bool) -> None:
    across = ELM - (ELM @ ASH) * ASH
    apart = 0.66 * ASH + np.sqrt(1 - 0.66**2) * across / np.linalg.norm(across)
    verdicts = judge([heard(ASH, report(seconds)), heard(apart, report(seconds))])
    assert verdicts[0].similarity == 0.66
    assert calls_out(verdicts[0]) is not alike


def test_unreadable_sample_is_reported_and_left_out() -> None:
    samples = [UNREADABLE, heard(), heard()]
    verdicts = judge(samples)
    assert [verdict.usable for verdict in verdicts] == [False, True, True]
    assert verdicts[0].warnings == ["the sound file cannot be decoded"]
    assert (verdicts[0].file, verdicts[0].seconds) == ("notes.txt", None)
    assert verdicts[1].similarity == 1.0


def test_samples_weigh_as_much_as_they_hold_speech() -> None:
    samples = [heard(ASH, report(9.0)), heard(ELM, report(1.0))]
    mean = mean_embed(samples, judge(samples))
    expected = 9 * ASH + ELM
    np.testing.assert_allclose(mean, expected / np.linalg.norm(expected), atol=1e-6)
    assert mean.dtype == np.float32


def test_voice_of_one_usable_sample_is_its_embedding_to_the_last_bit() -> None:
    embed = np.full(256, 0.06251, np.float32)  # not quite unit length
    samples = [heard(embed), UNREADABLE]
    assert np.array_equal(mean_embed(samples, judge(samples)), embed)


def test_no_usable_sample_makes_no_voice() -> None:
    with pytest.raises(ValueError, match="no sample is usable"):
        mean_embed([UNREADABLE], judge([UNREADABLE]))


def test_expected_similarity_falls_with_less_speech_more_noise_and_clipping() -> None:
    best = expected_similarity(report(10.0))
    assert 0.95 * REACHED_LIKENESS < best < REACHED_LIKENESS == 0.75
    assert expected_similarity(report(1.6)) == pytest.approx(0.88 * 0.75, abs=0.01)
    assert expected_similarity(report(10.0, snr_db=15)) == pytest.approx(0.73 * best, abs=0.01)
    assert expected_similarity(report(10.0, clipped_share=0.1)) == pytest.approx(
        0.75 * best, abs=0.01
    )
