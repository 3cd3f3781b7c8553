"""A request has its place in the queue from before its body is read."""

import asyncio

import pytest

from shared.http.admission import ComputeSlot
from shared.http.errors import QueueFull
from tests.support.slot_work import Gate, retry_after, until_waiting

pytestmark = pytest.mark.anyio


async def test_bodies_that_come_in_take_the_places_of_those_that_wait() -> None:
    slot = ComputeSlot(queue_limit=1, queue_seconds=30)
    with slot.admit(), slot.admit():
        assert retry_after(slot) >= 1
    assert await slot.run(lambda: "next") == "next"


async def with_place(slot: ComputeSlot, may_run: asyncio.Event, gate: Gate) -> str:
    """As a request whose body is whole once it may run."""
    with slot.admit():
        await may_run.wait()
        return await slot.run(gate)


async def test_whoever_has_a_place_is_not_refused_later() -> None:
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


async def test_place_is_free_again_however_its_request_ends() -> None:
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


async def test_place_before_one_slot_is_none_before_another() -> None:
    slot, other = (ComputeSlot(queue_limit=0, queue_seconds=30) for _ in range(2))
    with slot.admit():
        assert await other.run(lambda: "elsewhere") == "elsewhere"
        assert slot.arriving == 1
