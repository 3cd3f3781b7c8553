"""Compute slots, the bounded queue, and admission before a body is read."""

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from shared.http import admission
from shared.http.admission import ComputeSlot
from shared.http.deadlines import CallerState, caller_state
from shared.http.errors import QueueFull, TooSlow
from tests.support.slot_work import Gate, retry_after, until_waiting

pytestmark = pytest.mark.anyio


async def test_work_runs_one_by_one_in_order() -> None:
    slot, gates = ComputeSlot(queue_limit=10, queue_seconds=30), [Gate() for _ in range(4)]
    tasks = []
    for n, gate in enumerate(gates):
        tasks.append(asyncio.create_task(slot.run(gate)))
        await until_waiting(slot, n)  # all but the first
        await gates[0].wait_until_begun()
    for n, gate in enumerate(gates):
        await gate.wait_until_begun()
        assert slot.waiting == len(gates) - n - 1
        assert not any(later.begun.is_set() for later in gates[n + 1 :])
        gate.let_go.set()
        assert await tasks[n] == "done"


async def test_concurrent_requests_run_together_and_the_next_waits() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30, concurrency=2)
    first, second, third = gates = [Gate(), Gate(), Gate()]
    tasks = [asyncio.create_task(slot.run(gate)) for gate in gates]
    await first.wait_until_begun()
    await second.wait_until_begun()
    await until_waiting(slot, 1)
    assert not third.begun.is_set()
    with pytest.raises(QueueFull):
        await slot.run(lambda: pytest.fail("there was no room for it"))
    second.let_go.set()
    await third.wait_until_begun()
    assert slot.waiting == 0
    assert not tasks[0].done()
    first.let_go.set()
    third.let_go.set()
    assert await asyncio.gather(*tasks) == ["done"] * 3


async def test_requests_share_fewer_threads() -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30, concurrency=3, threads=2)
    gates = [Gate(), Gate(), Gate()]
    tasks = [asyncio.create_task(slot.run(gate)) for gate in gates]
    await gates[0].wait_until_begun()
    await gates[1].wait_until_begun()
    assert slot.waiting == 0
    assert not gates[2].begun.is_set()
    for gate in gates:
        gate.let_go.set()
    assert await asyncio.gather(*tasks) == ["done"] * 3


async def test_wait_is_limited_with_concurrency() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=0.01, concurrency=2)
    gates = [Gate(), Gate()]
    tasks = [asyncio.create_task(slot.run(gate)) for gate in gates]
    for gate in gates:
        await gate.wait_until_begun()
    with pytest.raises(TooSlow):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    for gate in gates:
        gate.let_go.set()
    assert await asyncio.gather(*tasks) == ["done", "done"]


async def test_queue_over_its_limit_is_refused_with_retry_after() -> None:
    slot, gate = ComputeSlot(queue_limit=1, queue_seconds=30), Gate()
    first = asyncio.create_task(slot.run(gate))
    await gate.wait_until_begun()
    second = asyncio.create_task(slot.run(lambda: "second"))
    await until_waiting(slot, 1)
    with pytest.raises(QueueFull) as refused:
        await slot.run(lambda: "third")
    assert int(refused.value.headers["Retry-After"]) >= 1
    gate.let_go.set()
    assert [await first, await second] == ["done", "second"]
    assert await slot.run(lambda: "fourth") == "fourth"


async def test_request_that_waits_too_long_is_dropped_before_any_work() -> None:
    slot, gate = ComputeSlot(queue_limit=1, queue_seconds=0.01), Gate()
    first = asyncio.create_task(slot.run(gate))
    await gate.wait_until_begun()
    with pytest.raises(TooSlow):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    assert slot.waiting == 0
    gate.let_go.set()
    assert await first == "done"


async def test_error_in_the_work_frees_the_slot() -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    with pytest.raises(ZeroDivisionError):
        await slot.run(lambda: 1 // 0)
    assert await slot.run(lambda: "next") == "next"


async def test_stream_gives_every_item_and_frees_the_slot() -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    stream = await slot.stream(lambda: iter([1, None, 3]))
    assert [item async for item in stream] == [1, None, 3]
    assert await slot.run(lambda: "next") == "next"


async def test_stream_error_before_the_first_item_is_raised_at_once() -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)

    def broken() -> Iterator[int]:
        yield 1 // 0

    with pytest.raises(ZeroDivisionError):
        await slot.stream(broken)
    assert await slot.run(lambda: "next") == "next"


async def test_closed_stream_stops_its_work_and_frees_the_slot() -> None:
    slot, closed = ComputeSlot(queue_limit=0, queue_seconds=30), threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    stream = await slot.stream(endless)
    assert await anext(stream) == 1
    with pytest.raises(QueueFull):
        await slot.run(lambda: "meanwhile")
    await stream.aclose()
    assert closed.is_set()
    assert await slot.run(lambda: "next") == "next"


async def test_stream_closed_before_it_is_read_frees_the_slot() -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    stream = await slot.stream(lambda: iter([1, 2]))
    await stream.aclose()
    assert await slot.run(lambda: "next") == "next"


async def test_cancelled_wait_frees_its_place() -> None:
    slot, gate = ComputeSlot(queue_limit=1, queue_seconds=30), Gate()
    first = asyncio.create_task(slot.run(gate))
    await gate.wait_until_begun()
    left = asyncio.create_task(slot.run(lambda: pytest.fail("nobody waits for this")))
    await until_waiting(slot, 1)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert slot.waiting == 0
    second = asyncio.create_task(slot.run(lambda: "second"))
    await until_waiting(slot, 1)
    gate.let_go.set()
    assert [await first, await second] == ["done", "second"]


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_nothing_is_computed_after_the_callers_deadline(seconds: float) -> None:
    slot, gate = ComputeSlot(queue_limit=1, queue_seconds=30), Gate()
    first = asyncio.create_task(slot.run(gate))
    await gate.wait_until_begun()
    token = caller_state.set(CallerState(deadline=time.monotonic() + seconds))
    with pytest.raises(TooSlow, match="X-Request-Deadline allows no more"):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    caller_state.reset(token)
    gate.let_go.set()
    assert await first == "done"


async def test_idle_slot_rejects_a_passed_deadline() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    token = caller_state.set(CallerState(deadline=time.monotonic() - 1))
    with pytest.raises(TooSlow):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    caller_state.reset(token)


async def test_arriving_bodies_take_places_in_the_queue() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    with slot.admit(), slot.admit():
        assert retry_after(slot) >= 1
    assert await slot.run(lambda: "next") == "next"


async def with_place(slot: ComputeSlot, may_run: asyncio.Event, gate: Gate) -> str:
    """A request whose body is complete once `may_run` is set."""
    with slot.admit():
        await may_run.wait()
        return await slot.run(gate)


async def test_admitted_request_is_not_rejected_later() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    gates, whole = [Gate(), Gate()], asyncio.Event()
    tasks = [asyncio.create_task(with_place(slot, whole, gate)) for gate in gates]
    await asyncio.sleep(0)
    assert slot.arriving == 2
    for _ in range(3):
        with pytest.raises(QueueFull), slot.admit():
            pytest.fail("there was no place for it")
    whole.set()
    await until_waiting(slot, 1)
    assert slot.arriving == 0
    assert retry_after(slot) >= 1
    for gate in gates:
        gate.let_go.set()
    assert await asyncio.gather(*tasks) == ["done", "done"]


async def test_place_is_freed_however_the_request_ends() -> None:
    slot, never = ComputeSlot(queue_limit=0, queue_seconds=30), asyncio.Event()
    leaver = asyncio.create_task(with_place(slot, never, Gate()))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    with pytest.raises(ZeroDivisionError), slot.admit():
        raise ZeroDivisionError
    with slot.admit():
        assert await slot.run(lambda: "next") == "next"
        assert await slot.run(lambda: "one more") == "one more"
    assert slot.arriving == 0


async def test_ticket_of_one_slot_does_not_count_at_another() -> None:
    slot, other = (ComputeSlot(queue_limit=0, queue_seconds=30) for _ in range(2))
    with slot.admit():
        assert await other.run(lambda: "elsewhere") == "elsewhere"
        assert slot.arriving == 1


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("seconds", [0.1, 7, 100])
async def test_retry_after_follows_the_measured_durations(clock: Clock, seconds: float) -> None:
    slot, gate = ComputeSlot(queue_limit=2, queue_seconds=30), Gate()
    await slot.run(lambda: clock.pass_by(seconds))
    tasks = [asyncio.create_task(slot.run(gate)) for _ in range(3)]
    await until_waiting(slot, 2)
    assert retry_after(slot) == max(1, seconds * 3)
    gate.let_go.set()
    await asyncio.gather(*tasks)


async def test_retry_after_is_divided_by_the_concurrency(clock: Clock) -> None:
    slot, gate = ComputeSlot(queue_limit=3, queue_seconds=30, concurrency=4), Gate()
    await slot.run(lambda: clock.pass_by(10))
    tasks = [asyncio.create_task(slot.run(gate)) for _ in range(7)]
    await until_waiting(slot, 3)
    assert retry_after(slot) == 10
    gate.let_go.set()
    await asyncio.gather(*tasks)


async def test_retry_after_includes_running_streams(clock: Clock) -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    await slot.run(lambda: clock.pass_by(2))
    stream = await slot.stream(lambda: iter([1, 2]))
    assert await anext(stream) == 1
    assert retry_after(slot) == 2
    clock.pass_by(60)
    assert retry_after(slot) == 60
    await stream.aclose()


async def test_retry_after_forgets_old_durations(clock: Clock) -> None:
    slot = ComputeSlot(queue_limit=0, queue_seconds=30)
    await slot.run(lambda: clock.pass_by(100))
    for _ in range(40):
        await slot.run(lambda: clock.pass_by(2))
    stream = await slot.stream(lambda: iter([1, 2]))
    assert 2 <= retry_after(slot) <= 3
    await stream.aclose()


async def test_retry_after_between_two_turns_is_at_least_one() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    stream = await slot.stream(lambda: iter([1, 2]))
    second = asyncio.create_task(slot.run(lambda: "second"))
    await until_waiting(slot, 1)
    await stream.aclose()  # the second has its turn and has not taken it yet
    with slot.admit():
        assert retry_after(slot) >= 1
    assert await second == "second"
