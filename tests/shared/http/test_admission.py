"""One computation at a time, in order, and a bounded queue."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from shared.http.admission import ComputeSlot
from shared.http.deadlines import CallerState, caller_state
from shared.http.errors import QueueFull, TooSlow
from tests.support.slot_work import Gate, until_waiting

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
    token = caller_state.set(CallerState(deadline=time.monotonic() + seconds))
    with pytest.raises(TooSlow, match="X-Request-Deadline allows no more"):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    caller_state.reset(token)
    gate.let_go.set()
    assert await first == "done"


async def test_deadline_that_passed_before_is_kept_by_an_idle_slot_too() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    token = caller_state.set(CallerState(deadline=time.monotonic() - 1))
    with pytest.raises(TooSlow):
        await slot.run(lambda: pytest.fail("the work was done all the same"))
    caller_state.reset(token)
