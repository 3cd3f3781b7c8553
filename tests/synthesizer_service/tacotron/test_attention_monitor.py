from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from synthesizer_service.tacotron.attention_monitor import (
    KEPT_DWELL,
    MAX_DWELL,
    MAX_JUMP,
    RELEASE,
    find_fault,
    severity,
    steps_to_keep,
)

STEP = 0.05  # seconds
LENGTH = 60  # characters
READ = list(range(LENGTH))


def along(path: Sequence[int], focus: float = 0.8) -> Tensor:
    """[S, L]: attention that looks at each character of the path in turn."""
    attention = torch.full((len(path), LENGTH), (1 - focus) / (LENGTH - 1))
    attention[torch.arange(len(path)), torch.tensor(path)] = focus
    return attention


def test_text_read_once_and_in_order_has_no_fault() -> None:
    assert find_fault(along(READ), True, STEP) is None


def test_pause_and_small_steps_back_have_no_fault() -> None:
    pause = [30] * int(MAX_DWELL / STEP - 1)
    assert find_fault(along([*READ[:30], *pause, 28, 27, *READ[29:]]), True, STEP) is None


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ([*READ[:20], *READ[20 + MAX_JUMP + 1 :]], "skipped"),
        ([MAX_JUMP + 1, *READ[MAX_JUMP + 2 :]], "skipped"),
        ([*READ[:40], *READ[40 - MAX_JUMP - 2 :]], "repeated"),
        ([*READ[:30], *[30] * (int(MAX_DWELL / STEP) + 1), *READ[31:]], "stalled"),
        (READ[:50], "ended_early"),
    ],
)
def test_fault_is_named(path: list[int], fault: str) -> None:
    assert find_fault(along(path), True, STEP) == fault


def test_speech_that_never_stops_is_named() -> None:
    assert find_fault(along(READ), False, STEP) == "never_stopped"


def test_steps_without_focus_say_nothing() -> None:
    attention = along(READ)
    attention[30] = 1 / LENGTH  # its largest is the first character
    assert find_fault(attention, True, STEP) is None


def test_attention_without_any_focus_has_read_nothing() -> None:
    assert find_fault(along(READ, focus=0.1), True, STEP) == "ended_early"


def test_same_stay_is_longer_with_longer_steps() -> None:
    path = [*READ[:30], *[30] * int(0.6 * MAX_DWELL / STEP), *READ[31:]]
    assert find_fault(along(path), True, STEP) is None
    assert find_fault(along(path), True, 2 * STEP) == "stalled"


def test_speech_that_never_stops_is_the_worst() -> None:
    assert (
        severity(None) < severity("skipped") < severity("ended_early") < severity("never_stopped")
    )


def test_what_follows_the_end_of_the_text_is_left_out() -> None:
    murmur = [LENGTH - 1] * 300
    keep = steps_to_keep(along([*READ, *murmur]), STEP)
    assert keep is not None
    assert keep[:LENGTH].all()
    assert LENGTH < int(keep.sum()) <= LENGTH + RELEASE / STEP


def test_stay_that_is_too_long_is_shortened() -> None:
    keep = steps_to_keep(along([*READ[:30], *[30] * 200, *READ[31:]]), STEP)
    assert keep is not None
    assert int(keep.sum()) == LENGTH - 1 + round(KEPT_DWELL / STEP)
    assert keep[:30].all()
    assert keep[-28:].all()


def test_stay_of_steps_without_focus_is_shortened_too() -> None:
    attention = along([*READ[:30], *[30] * 200, *READ[31:]])
    attention[35:220] = 1 / LENGTH
    keep = steps_to_keep(attention, STEP)
    assert keep is not None
    assert int(keep.sum()) < LENGTH + 1 / STEP


@pytest.mark.parametrize("path", [READ[:50], [30] * 300])
def test_text_that_was_not_read_to_its_end_leaves_nothing_of_use(path: list[int]) -> None:
    assert steps_to_keep(along(path), STEP) is None
