"""When one that finds the queue full is told to come back."""

import asyncio
from types import SimpleNamespace

import pytest

from shared.http import admission
from shared.http.admission import ComputeSlot
from tests.support.slot_work import Gate, retry_after, until_waiting

pytestmark = pytest.mark.anyio


class Clock:
    """Stands still until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("seconds", [0.1, 7, 100])
async def test_retry_after_is_the_measured_time_of_those_before(
    clock: Clock, seconds: float
) -> None:
    slot, gate = ComputeSlot(queue_limit=2, queue_seconds=30), Gate()
    await slot.run(lambda: clock.pass_by(seconds))
    tasks = [asyncio.create_task(slot.run(gate)) for _ in range(3)]
    await until_waiting(slot, 2)
    assert retry_after(slot) == max(1, seconds * 3)
    gate.let_go.set()
    await asyncio.gather(*tasks)


async def test_retry_after_of_several_at_a_time_is_as_much_shorter(clock: Clock) -> None:
    slot, gate = ComputeSlot(queue_limit=3, queue_seconds=30, concurrency=4), Gate()
    await slot.run(lambda: clock.pass_by(10))
    tasks = [asyncio.create_task(slot.run(gate)) for _ in range(7)]
    await until_waiting(slot, 3)
    assert retry_after(slot) == 10
    gate.let_go.set()
    await asyncio.gather(*tasks)


async def test_retry_after_learns_from_a_stream_that_is_not_over(clock: Clock) -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    await slot.run(lambda: clock.pass_by(2))
    stream = await slot.stream(lambda: iter([1, 2]))
    assert await anext(stream) == 1
    assert retry_after(slot) == 2
    clock.pass_by(60)
    assert retry_after(slot) == 60
    await stream.aclose()


async def test_retry_after_forgets_old_times(clock: Clock) -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    await slot.run(lambda: clock.pass_by(100))
    for _ in range(40):
        await slot.run(lambda: clock.pass_by(2))
    stream = await slot.stream(lambda: iter([1, 2]))
    assert 2 <= retry_after(slot) <= 3
    await stream.aclose()


async def test_refusal_between_two_turns_is_one_too() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    stream = await slot.stream(lambda: iter([1, 2]))
    second = asyncio.create_task(slot.run(lambda: "second"))
    await until_waiting(slot, 1)
    await stream.aclose()  # the second has not come to know of its turn
    with slot.admit():
        assert retry_after(slot) >= 1
    assert await second == "second"
