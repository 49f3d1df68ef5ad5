"""Three tries, in whatever order they begin and end: the database counts as if they had come one after the other.

Each example plays tries of one customer against `pins.check`, whose comparisons end when the example says so, and against
`Model`, which keeps a list.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from core import clock
from core.credentials import pins
from core.credentials.refusals import PinLocked, WrongPin
from core.customers import profiles
from core.runtime import Runtime
from core.settings import Settings
from gateway import wiring
from gateway.cli.embedded import Servers
from tests import databases

RIGHT, WRONG, CUT_OFF = "right", "wrong", "cut off"
ASHA = "+254711000001"


@dataclass
class Model:
    """`counted` are the tries that stand against the customer, as they began."""

    counted: list[int] = field(default_factory=list)
    is_locked: bool = False

    def begin(self, number: int) -> bool:
        if self.is_locked or len(self.counted) == pins.MOST_WRONG:
            return False
        self.counted.append(number)
        return True

    def end(self, number: int, kind: str) -> str:
        """What the customer is told."""
        place = self.counted.index(number) + 1 if number in self.counted else 0
        if kind == RIGHT:
            if not self.is_locked:
                self.counted = self.counted[place:]
            return "right"
        self.is_locked = self.is_locked or place == pins.MOST_WRONG
        return "locked" if self.is_locked else f"{pins.MOST_WRONG - place} left"


class Played:
    """One customer's tries against the database."""

    def __init__(self, runtime: Runtime, customer_id: UUID) -> None:
        self.runtime, self.customer_id = runtime, customer_id
        self.compared: dict[str, asyncio.Future[bool]] = {}
        self.tries: dict[str, asyncio.Task[None]] = {}
        self.has_begun = asyncio.Event()

    async def matches(self, _hash: str, pin: str, _customer_id: UUID) -> bool:
        self.compared[pin] = asyncio.get_running_loop().create_future()
        self.has_begun.set()
        return await self.compared[pin]

    async def begin(self, number: int) -> bool:
        pin = f"{number:04}"
        self.has_begun.clear()
        task = self.tries[pin] = asyncio.ensure_future(pins.check(self.runtime, self.customer_id, pin))
        begun = asyncio.ensure_future(self.has_begun.wait())
        await asyncio.wait({task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        return pin in self.compared

    async def end(self, number: int, kind: str) -> str:
        pin = f"{number:04}"
        if kind == CUT_OFF:
            self.tries[pin].cancel()
            await asyncio.wait([self.tries[pin]])
            return CUT_OFF
        self.compared[pin].set_result(kind == RIGHT)
        try:
            await self.tries[pin]
        except PinLocked:
            return "locked"
        except WrongPin as wrong:
            return f"{wrong.params['tries_left']} left"
        return "right"

    async def count(self) -> tuple[int, bool]:
        async with self.runtime.database.autocommit() as connection:
            query = text("SELECT failures, locked_at IS NOT NULL FROM pin WHERE customer_id = :id")
            row = (await connection.execute(query, {"id": self.customer_id})).one()
            return row[0], row[1]


def orders(count: int) -> Iterator[tuple[int, ...]]:
    """All orders in which so many tries can begin and end: each number stands twice, and begins where it stands first."""

    def longer(order: tuple[int, ...], begun: int, running: frozenset[int]) -> Iterator[tuple[int, ...]]:
        if len(order) == 2 * count:
            yield order
            return
        if begun < count:
            yield from longer((*order, begun), begun + 1, running | {begun})
        for number in sorted(running):
            yield from longer((*order, number), begun, running - {number})

    return longer((), 0, frozenset())


async def check_play(runtime: Runtime, customer_id: UUID, order: Sequence[int], kinds: Sequence[str]) -> None:
    async with runtime.database.autocommit() as connection:
        fresh = "UPDATE pin SET failures = 0, locked_at = NULL WHERE customer_id = :id"
        await connection.execute(text(fresh), {"id": customer_id})
    model, played, running = Model(), Played(runtime, customer_id), set[int]()
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        for number in order:
            if number not in running:
                if model.begin(number):
                    running.add(number)
                assert await played.begin(number) is (number in running), (order, kinds)
                continue
            running.remove(number)
            told = await played.end(number, kinds[number])
            assert told == (CUT_OFF if kinds[number] == CUT_OFF else model.end(number, kinds[number])), (order, kinds)
            assert await played.count() == (len(model.counted), model.is_locked), (order, kinds)
    for task in played.tries.values():
        task.cancel()
    await asyncio.gather(*played.tries.values(), return_exceptions=True)


async def asha_in(runtime: Runtime) -> UUID:
    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    return asha.id


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_in_every_order_of_three_tries_the_count_is_that_of_one_after_the_other(runtime: Runtime, count: int) -> None:
    asha = await asha_in(runtime)
    for order in orders(count):
        for kinds in product([RIGHT, WRONG], repeat=count):
            await check_play(runtime, asha, order, kinds)


def test_in_any_order_of_six_tries_the_count_is_that_of_one_after_the_other(servers: Servers, template: str) -> None:
    settings = Settings(database_url=databases.copy(servers.database_url, template))
    with asyncio.Runner() as runner:

        async def made() -> tuple[Runtime, UUID]:
            runtime = wiring.runtime(settings)
            return runtime, await asha_in(runtime)

        runtime, asha = runner.run(made())

        @hypothesis_settings(max_examples=50, suppress_health_check=list(HealthCheck))
        @given(data=st.data(), kinds=st.lists(st.sampled_from([RIGHT, WRONG, CUT_OFF]), min_size=6, max_size=6))
        def any_order(data: Any, kinds: list[str]) -> None:
            order = data.draw(st.permutations([0, 1, 2, 3, 4, 5] * 2))
            # The first of each pair begins; tries are numbered as they begin.
            names: dict[int, int] = {}
            runner.run(check_play(runtime, asha, [names.setdefault(number, len(names)) for number in order], kinds))

        any_order()
        runner.run(runtime.close())


async def test_tries_that_were_cut_off_before_they_were_compared_run_out(runtime: Runtime) -> None:
    """Or a database that was away three times would have locked her out for good."""
    asha = await asha_in(runtime)
    played = Played(runtime, asha)
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        for number in range(3):
            await played.begin(number)
            await played.end(number, CUT_OFF)
        assert not await played.begin(3)
        with clock.at(clock.now() + pins.CUT_OFF + timedelta(seconds=1)):
            assert await played.begin(4)
            # One at a time.
            assert not await played.begin(5)
            assert await played.end(4, RIGHT) == "right"
        assert await played.count() == (0, False)


@pytest.mark.parametrize(("ahead", "is_begun"), [(timedelta(minutes=59), False), (timedelta(days=4_000), True)])
async def test_tries_that_were_cut_off_while_the_clock_was_years_ahead_run_out_when_it_is_right_again(
    runtime: Runtime, ahead: timedelta, is_begun: bool
) -> None:
    asha = await asha_in(runtime)
    played = Played(runtime, asha)
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        with clock.at(clock.now() + ahead):
            for number in range(3):
                await played.begin(number)
                await played.end(number, CUT_OFF)
        assert await played.begin(3) is is_begun
        if is_begun:
            assert await played.end(3, RIGHT) == "right"


async def test_the_try_after_those_that_were_cut_off_locks_where_it_is_wrong(runtime: Runtime) -> None:
    asha = await asha_in(runtime)
    played = Played(runtime, asha)
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        for number in range(3):
            await played.begin(number)
            await played.end(number, CUT_OFF)
        with clock.at(clock.now() + pins.CUT_OFF + timedelta(seconds=1)):
            await played.begin(4)
            assert await played.end(4, WRONG) == "locked"
        assert await played.count() == (3, True)
