"""Waits that end together: what is left of a budget bounds each of them."""

import asyncio

import pytest

from core import deadline
from core.deadline import budget, within


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> str:
    return "done"


async def test_a_wait_ends_with_its_budget_however_long_it_may_be_by_itself() -> None:
    with budget(0.01), pytest.raises(TimeoutError):
        await within(3_600, never(), spare_seconds=0)


async def test_what_is_kept_back_ends_a_wait_before_the_budget_does() -> None:
    with budget(3_600):
        with pytest.raises(TimeoutError):
            await within(3_600, never(), spare_seconds=3_600)
        assert await within(3_600, at_once(), spare_seconds=1) == "done"


async def test_a_budget_within_another_makes_it_no_longer() -> None:
    with budget(0.01), budget(3_600), pytest.raises(TimeoutError):
        await within(3_600, never(), spare_seconds=0)


async def test_a_task_that_the_block_starts_has_the_same_budget() -> None:
    with budget(0.01):
        task = asyncio.create_task(within(3_600, never(), spare_seconds=0))
    with pytest.raises(TimeoutError):
        await task


async def test_without_a_budget_and_after_it_a_wait_lasts_as_long_as_it_says() -> None:
    with budget(0.0):
        pass
    assert await within(3_600, at_once()) == "done"
    assert deadline._ends_seconds.get() == float("inf")
