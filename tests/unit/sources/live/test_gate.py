"""The gate takes calls in up to a rate and a length, and counts the others."""

import asyncio

import pytest

from starfort.sources.call import Call
from starfort.sources.live.gate import MOST_BYTES, MOST_WAITING, Gate


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def _call(size: int = 0) -> Call:
    return Call(method="GET", target=b"/", body=b"x" * size)


async def test_calls_over_the_rate_are_left_out_and_counted() -> None:
    """A second's worth of calls is taken at once, and then no more than the rate."""
    taken: list[Call] = []

    async def deliver(calls: list[Call]) -> None:
        taken.extend(calls)

    clock = _Clock()
    gate = Gate(3, deliver, clock)
    assert [gate.offer(_call()) for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert (gate.offer(_call()), gate.offer(_call())) == (True, False)
    await gate.flush()
    assert (len(taken), gate.counts.taken, gate.counts.dropped) == (4, 4, {"rate": 2})


async def test_calls_that_nobody_takes_are_left_out() -> None:
    """When the store takes nothing, calls wait up to a number and a size; the others are counted."""
    gate = Gate(100_000, _never)
    assert all(gate.offer(_call()) for _ in range(MOST_WAITING))
    assert not gate.has_room()
    assert not gate.offer(_call())
    large = Gate(100_000, _never)
    assert large.offer(_call(MOST_BYTES))
    assert not large.offer(_call(1))
    assert (gate.counts.dropped, large.counts.dropped) == ({"overload": 1}, {"overload": 1})


async def _never(calls: list[Call]) -> None:
    del calls
    await asyncio.Event().wait()


async def test_calls_of_a_failed_delivery_are_counted_as_lost() -> None:
    """A delivery that fails loses its calls, says so, and the next one is tried."""

    async def deliver(calls: list[Call]) -> None:
        del calls
        raise OSError("no room")

    gate = Gate(10, deliver)
    gate.offer(_call())
    with pytest.raises(OSError, match="no room"):
        await gate.flush()
    assert (gate.counts.taken, gate.counts.dropped) == (0, {"overload": 1})
