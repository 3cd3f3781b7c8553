from dataclasses import replace
from typing import Any

import pytest

from gateway_service.voices.sample_checks import checked
from gateway_service.voices.schemas import SampleVerdict
from shared.audio.clip_report import ClipReport

GOOD = ClipReport(9.0, 8.0, 0.0, -20.0, 40.0, warnings=(), part_likeness=0.9)
VERDICT = SampleVerdict(file="a.wav", sha256="0" * 64, usable=True)


@pytest.mark.parametrize(
    ("name", "fair", "poor"),
    [
        ("speech", {"voiced_seconds": 3.0}, {"voiced_seconds": 1.0}),
        ("level", {"level_dbfs": -45.0}, {"level_dbfs": -55.0}),
        ("clipping", {"clipped_share": 0.005}, {"clipped_share": 0.2}),
        ("offset", {"offset": 0.01}, {"offset": 0.3}),
        ("noise", {"snr_db": 15.0}, {"snr_db": 5.0}),
        ("music", {"tone_share": 0.2}, {"tone_share": 0.4}),
        ("speakers", {"part_likeness": 0.76}, {"part_likeness": 0.5}),
    ],
)
def test_each_property_has_a_rating_and_one_remedy(
    name: str, fair: dict[str, Any], poor: dict[str, Any]
) -> None:
    for fault, rating in ((fair, "Fair"), (poor, "Poor")):
        check = checked(VERDICT, replace(GOOD, **fault))
        found = {one.name: one for one in check.checks}
        assert found[name].rating == check.rating == rating  # type: ignore[index]
        assert found[name].remedy  # type: ignore[index]
        assert [one.rating for one in check.checks].count("Good") == 6


def test_good_sample_has_no_remedies() -> None:
    check = checked(VERDICT, GOOD)
    assert check.rating == "Good"
    assert [one.remedy for one in check.checks] == [None] * 7
    assert checked(VERDICT, replace(GOOD, part_likeness=None)).rating == "Good"


def test_warning_makes_a_sample_fair_and_one_that_is_not_used_poor() -> None:
    warned = VERDICT.model_copy(update={"warnings": ["the file is cut off"]})
    assert checked(warned, GOOD).rating == "Fair"
    unused = VERDICT.model_copy(update={"usable": False})
    assert checked(unused, GOOD).rating == "Poor"
    assert checked(unused, None).checks == []
