"""The fair queue, and the shares of callers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.http.admission import ComputeSlot
from shared.http.errors import QueueFull
from shared.http.fair_queue import FairQueue, caller
from tests.support.slot_work import Gate, until_waiting

pytestmark = pytest.mark.anyio


async def waiting(turns: FairQueue, *names: str) -> tuple[list[str], list[asyncio.Task[None]]]:
    """The callers in the order of their turns, and the waiting tasks."""
    got: list[str] = []

    async def wait(name: str) -> None:
        await turns.acquire(name[0])
        got.append(name)

    tasks = [asyncio.create_task(wait(name)) for name in names]
    await settle()
    return got, tasks


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_take_turns_however_many_requests_they_have() -> None:
    turns = FairQueue(1, max_of_one=1)
    got, _ = await waiting(turns, "a1", "a2", "a3", "a4", "b1", "b2", "c1")
    for name in ("a1", "b1", "c1", "a2", "b2", "a3"):
        assert got[-1] == name
        turns.release(name[0])
        await settle()
    assert got == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


async def test_caller_holds_no_more_than_its_share() -> None:
    turns = FairQueue(4, max_of_one=2)
    got, _ = await waiting(turns, "a1", "a2", "a3", "a4", "b1")
    assert got == ["a1", "a2", "b1"]
    turns.release("a")
    await settle()
    assert got == ["a1", "a2", "b1", "a3"]


async def test_unnamed_callers_have_no_limit() -> None:
    turns = FairQueue(3, max_of_one=1)
    for _ in range(3):
        await turns.acquire("")


async def test_cancelled_wait_is_skipped() -> None:
    turns = FairQueue(1, max_of_one=1)
    got, tasks = await waiting(turns, "a1", "b1", "b2", "c1")
    tasks[1].cancel()
    tasks[3].cancel()
    await settle()
    turns.release("a")
    await settle()
    assert got == ["a1", "b2"]
    turns.release("b")
    await turns.acquire("d")


async def test_turn_given_at_the_moment_of_cancellation_is_not_lost() -> None:
    turns = FairQueue(1, max_of_one=1)
    got, tasks = await waiting(turns, "a1", "b1")
    turns.release("a")
    tasks[1].cancel()
    await settle()
    assert got == ["a1"]
    await turns.acquire("c")


@contextmanager
def called_by(name: str) -> Iterator[None]:
    token = caller.set(name)
    try:
        yield
    finally:
        caller.reset(token)


async def test_caller_leaves_room_in_the_queue() -> None:
    slot = ComputeSlot(queue_limit=6, queue_seconds=30, concurrency=2, share=0.5)
    gates = [Gate() for _ in range(4)]
    with called_by("a"):
        tasks = [asyncio.create_task(slot.run(gate)) for gate in gates]
        await until_waiting(slot, 3)  # one turn stays free for other callers
        with pytest.raises(QueueFull, match="limit for one caller is 4 of 8"), slot.admit():
            pytest.fail("there was no place for it")
    with called_by("b"):
        for _ in range(3):
            with slot.admit():
                assert await slot.run(lambda: "b's") == "b's"
    for gate in gates:
        gate.let_go.set()
    assert await asyncio.gather(*tasks) == ["done"] * 4
    with called_by("a"), slot.admit(), slot.admit(), slot.admit(), slot.admit():
        assert slot.arriving == 4  # finished requests no longer count
