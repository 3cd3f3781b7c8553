"""One computation at a time, in order, and a bounded queue."""

import asyncio
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from shared import compute
from shared.compute import ComputeSlot
from shared.errors import QueueFull, TooSlow
from shared.patience import Patience, patience

pytestmark = pytest.mark.anyio


class Gate:
    """Work that reports when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.let_go.wait(30)
        return "done"

    async def wait_until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 30)


async def until_waiting(slot: ComputeSlot, n: int) -> None:
    async with asyncio.timeout(30):
        while slot.waiting < n:
            await asyncio.sleep(0)


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


async def test_concurrency_lets_so_many_run_at_a_time_and_the_next_wait() -> None:
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


async def test_requests_may_share_fewer_threads() -> None:
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


async def test_wait_has_its_limit_with_concurrency_too() -> None:
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


async def test_request_that_waited_too_long_is_dropped_before_any_work() -> None:
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


async def test_cancelled_wait_gives_its_place_up() -> None:
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
async def test_no_work_is_done_past_the_callers_deadline(seconds: float) -> None:
    slot, gate = ComputeSlot(queue_limit=1, queue_seconds=30), Gate()
    first = asyncio.create_task(slot.run(gate))
    await gate.wait_until_begun()
    token = patience.set(Patience(ends=time.monotonic() + seconds))
    with pytest.raises(TooSlow):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    patience.reset(token)
    gate.let_go.set()
    assert await first == "done"


async def test_deadline_that_passed_before_is_kept_by_an_idle_slot_too() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    token = patience.set(Patience(ends=time.monotonic() - 1))
    with pytest.raises(TooSlow):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    patience.reset(token)


class Clock:
    """Stands still until it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(compute, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def retry_after(slot: ComputeSlot) -> int:
    with pytest.raises(QueueFull) as refused:
        slot.require_room()
    return int(refused.value.headers["Retry-After"])


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
    with slot.place():
        assert retry_after(slot) >= 1
    assert await second == "second"


async def test_bodies_that_come_in_take_the_places_of_those_that_wait() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    with slot.place(), slot.place():
        assert retry_after(slot) >= 1
    assert await slot.run(lambda: "next") == "next"


async def with_place(slot: ComputeSlot, may_run: asyncio.Event, gate: Gate) -> str:
    """As a request whose body is whole once it may run."""
    with slot.place():
        await may_run.wait()
        return await slot.run(gate)


async def test_whoever_has_a_place_is_not_refused_later() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    gates, whole = [Gate(), Gate()], asyncio.Event()
    tasks = [asyncio.create_task(with_place(slot, whole, gate)) for gate in gates]
    await asyncio.sleep(0)
    assert slot.arriving == 2
    for _ in range(3):
        with pytest.raises(QueueFull), slot.place():
            pytest.fail("there was no place for it")
    whole.set()
    await until_waiting(slot, 1)
    assert slot.arriving == 0
    assert retry_after(slot) >= 1
    for gate in gates:
        gate.let_go.set()
    assert await asyncio.gather(*tasks) == ["done", "done"]


async def test_place_is_free_again_however_its_request_ends() -> None:
    slot, never = ComputeSlot(queue_limit=0, queue_seconds=30), asyncio.Event()
    leaver = asyncio.create_task(with_place(slot, never, Gate()))
    await asyncio.sleep(0)
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    with pytest.raises(ZeroDivisionError), slot.place():
        raise ZeroDivisionError
    with slot.place():
        assert await slot.run(lambda: "next") == "next"
        assert await slot.run(lambda: "one more") == "one more"
    assert slot.arriving == 0


async def test_place_before_one_slot_is_none_before_another() -> None:
    slot, other = (ComputeSlot(queue_limit=0, queue_seconds=30) for _ in range(2))
    with slot.place():
        assert await other.run(lambda: "elsewhere") == "elsewhere"
        assert slot.arriving == 1
