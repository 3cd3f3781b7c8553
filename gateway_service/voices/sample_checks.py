"""Checks of a sample: a rating of each property, with one remedy where it is not good."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway_service.voices.schemas import Check, CheckName, Rating, SampleCheck, SampleVerdict
from shared.audio.clip_report import ClipReport

_WORST_FIRST: tuple[Rating, ...] = ("Poor", "Fair", "Good")


@dataclass(frozen=True)
class _Scale:
    """good, fair: limits of `value`, better upwards; below `fair` a sample is poor."""

    value: Callable[[ClipReport], float]
    good: float
    fair: float
    remedy: str


# The encoder's own limits, from which it warns, are the lower ones of each pair or stricter.
_SCALES: dict[CheckName, _Scale] = {
    "speech": _Scale(
        lambda report: report.voiced_seconds, 5.0, 1.6, "Record five to fifteen seconds of speech."
    ),
    "level": _Scale(
        lambda report: report.level_dbfs,
        -40.0,
        -50.0,
        "Record louder, or nearer to the microphone.",
    ),
    "clipping": _Scale(
        lambda report: -report.clipped_share, -0.001, -0.01, "Lower the recording level."
    ),
    "offset": _Scale(
        lambda report: -_offset_to_voice(report),
        -0.015,
        -1.0,
        "The offset was removed; use another microphone or sound card if it is large.",
    ),
    "noise": _Scale(
        lambda report: report.snr_db,
        20.0,
        10.0,
        "Record in a quiet room, without a fan or traffic.",
    ),
    "music": _Scale(
        lambda report: -report.tone_share, -0.15, -0.25, "Record the voice alone, without music."
    ),
    "speakers": _Scale(
        lambda report: 1.0 if report.part_likeness is None else report.part_likeness,
        0.77,
        0.75,
        "Use a recording in which one person speaks.",
    ),
}


def checked(verdict: SampleVerdict, report: ClipReport | None) -> SampleCheck:
    """The verdict with a rating. report: None for a sample that cannot be read."""
    checks = [_check(name, scale, report) for name, scale in _SCALES.items()] if report else []
    ratings: set[Rating] = {check.rating for check in checks}
    ratings.add("Fair" if verdict.warnings else "Good")
    if not verdict.usable:
        ratings.add("Poor")
    rating = next(rating for rating in _WORST_FIRST if rating in ratings)
    return SampleCheck(**verdict.model_dump(), rating=rating, checks=checks)


def _check(name: CheckName, scale: _Scale, report: ClipReport) -> Check:
    value = scale.value(report)
    if value >= scale.good:
        return Check(name=name, rating="Good")
    return Check(name=name, rating="Fair" if value >= scale.fair else "Poor", remedy=scale.remedy)


def _offset_to_voice(report: ClipReport) -> float:
    return report.offset / 10 ** (report.level_dbfs / 20)
