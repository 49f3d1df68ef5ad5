"""Tries of one PIN, in whatever order they begin and end: each counts when it is judged, and one that is cut off does not.

Each example plays tries of one customer against `pins.check`, whose comparisons end when the example says so, and against
`Model`, which counts.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from sqlalchemy.exc import SQLAlchemyError

from core import clock
from core.credentials import pins, tries
from core.credentials.refusals import PinLocked, WrongPin
from core.customers import profiles
from core.errors import Busy
from core.hashing import MOST_OF_ONE_CUSTOMER, PinHasher
from core.runtime import Runtime
from core.settings import Settings, as_environment
from gateway import wiring
from gateway.cli.embedded import Servers
from tests import databases
from tests import pins as typed_pins
from tests.crash.proxy import line

# A process that hangs in the middle of a comparison.
_HANGS = """
import asyncio, sys
from uuid import UUID
from core.credentials import pins, tries
from core.hashing import MOST_OF_ONE_CUSTOMER, PinHasher
from core.settings import read
from gateway import wiring
async def matches(*_):
    print("comparing", flush=True)
    await asyncio.Event().wait()
PinHasher.matches = matches
asyncio.run(pins.check(wiring.runtime(read()), UUID(sys.argv[1]), "1234"))
"""
RIGHT, WRONG, CUT_OFF = "right", "wrong", "cut off"
ASHA = "+254711000001"


@dataclass
class Model:
    wrong: int = 0
    is_locked: bool = False

    def end(self, kind: str) -> str:
        """What the customer is told."""
        if not self.is_locked:
            self.wrong = 0 if kind == RIGHT else self.wrong + 1
            self.is_locked = self.wrong == pins.MOST_WRONG
        if self.is_locked:
            return "locked"
        return "right" if kind == RIGHT else f"{pins.MOST_WRONG - self.wrong} left"


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
    model, played, running, refused = Model(), Played(runtime, customer_id), set[int](), set[int]()
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        for number in order:
            if number in refused:
                continue
            if number not in running:
                is_full = len(running) == MOST_OF_ONE_CUSTOMER
                assert await played.begin(number) is not (model.is_locked or is_full), (order, kinds)
                if not model.is_locked:
                    (refused if is_full else running).add(number)
                continue
            running.remove(number)
            answer = await played.end(number, kinds[number])
            assert answer == (CUT_OFF if kinds[number] == CUT_OFF else model.end(kinds[number])), (order, kinds)
            assert await played.count() == (model.wrong, model.is_locked), (order, kinds)
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


async def test_a_right_pin_is_right_however_many_tries_were_cut_off_a_moment_ago(runtime: Runtime) -> None:
    """Or a slow database would have locked her out for nothing, and said that she was wrong three times."""
    asha = await asha_in(runtime)
    played = Played(runtime, asha)
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        for number in range(5):
            await played.begin(number)
            await played.end(number, CUT_OFF)
        assert await played.count() == (0, False)
        await played.begin(6)
        assert await played.end(6, WRONG) == "2 left"
        await played.begin(7)
        assert await played.end(7, RIGHT) == "right"


async def test_a_crowd_of_guesses_that_are_compared_together_has_three_answers(runtime: Runtime) -> None:
    """In four processes, each of which compares three at once of one customer, and refuses the others."""
    asha = await asha_in(runtime)
    processes = [Played(wiring.runtime(runtime.settings), asha) for _ in range(4)]
    compared: dict[str, Played] = {}
    with mock.patch.object(PinHasher, "matches", lambda _, hashed, pin, owner: compared[pin].matches(hashed, pin, owner)):
        for number in range(16):
            process = processes[number % 4]
            compared[f"{number:04}"] = process
            assert await process.begin(number) is (number < 12)
        answers = [await processes[number % 4].end(number, RIGHT if number == 11 else WRONG) for number in range(12)]
        for number in range(12, 16):
            with pytest.raises(Busy):
                await processes[number % 4].tries[f"{number:04}"]
    assert answers == ["2 left", "1 left", *["locked"] * 10]
    for process in processes:
        await process.runtime.close()


async def test_a_wrong_pin_whose_answer_was_lost_counts_once_however_often_its_hop_comes(runtime: Runtime) -> None:
    asha, matches = await asha_in(runtime), PinHasher.matches
    async with line(runtime.settings.database_url) as (proxy, by_way):
        away = wiring.runtime(replace(runtime.settings, database_url=by_way))

        async def match_and_lose(*given: Any) -> bool:
            proxy.answers_to_lose = 1
            return await matches(*given)

        with mock.patch.object(PinHasher, "matches", match_and_lose), tries.naming(b"first"):
            for _ in range(4):
                with pytest.raises(SQLAlchemyError):
                    await pins.check(away, asha, typed_pins.WRONG)
        await away.close()
    assert await Played(runtime, asha).count() == (1, False)
    for name, left in ((b"first", 2), (b"second", 1), (b"second", 1)):
        with tries.naming(name), pytest.raises(WrongPin) as wrong:
            await pins.check(runtime, asha, typed_pins.WRONG)
        assert wrong.value.params == {"tries_left": str(left)}
    with tries.naming(b"third"), pytest.raises(PinLocked):
        await pins.check(runtime, asha, typed_pins.WRONG)


async def test_tries_without_a_name_all_count(runtime: Runtime) -> None:
    asha = await asha_in(runtime)
    for left in (2, 1):
        with pytest.raises(WrongPin) as wrong:
            await pins.check(runtime, asha, typed_pins.WRONG)
        assert wrong.value.params == {"tries_left": str(left)}


async def test_a_guess_at_a_pin_that_is_replaced_meanwhile_is_judged_by_the_new_one(runtime: Runtime) -> None:
    asha = await asha_in(runtime)
    played = Played(runtime, asha)
    new = await pins.hash_new(runtime, asha, ASHA, typed_pins.NEW)
    with mock.patch.object(type(runtime.pin_hasher), "matches", lambda _, *given: played.matches(*given)):
        await played.begin(0)
        async with runtime.database.transaction() as connection:
            await pins.replace(connection, asha, new)
        played.has_begun.clear()
        played.compared["0000"].set_result(True)
        await played.has_begun.wait()
        assert await played.end(0, WRONG) == "2 left"


async def test_a_process_that_is_killed_while_it_compares_counts_nothing(runtime: Runtime) -> None:
    """Five processes in a row, each in the middle of a right PIN."""
    asha = await asha_in(runtime)
    environment = {**os.environ, **as_environment(runtime.settings)}
    for _ in range(5):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _HANGS, str(asha), env=environment, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"comparing\n"
        process.kill()
        await process.wait()
    await pins.check(runtime, asha, typed_pins.RIGHT)


async def test_a_judgement_whose_answer_was_lost_locks_nobody_out_who_is_right(runtime: Runtime) -> None:
    asha, matches = await asha_in(runtime), PinHasher.matches
    async with line(runtime.settings.database_url) as (proxy, by_way):
        away = wiring.runtime(replace(runtime.settings, database_url=by_way))

        async def match_and_lose(*given: Any) -> bool:
            proxy.answers_to_lose = 1
            return await matches(*given)

        with mock.patch.object(PinHasher, "matches", match_and_lose):
            for _ in range(4):
                with pytest.raises(SQLAlchemyError):
                    await pins.check(away, asha, typed_pins.RIGHT)
        await pins.check(away, asha, typed_pins.RIGHT)
        await away.close()
    assert await Played(runtime, asha).count() == (0, False)


@pytest.mark.parametrize(("ago", "is_begun"), [(30, False), (61, True), (-3_000, False), (-4_000, True)])
async def test_tries_that_a_release_before_has_begun_are_waited_for(runtime: Runtime, ago: int, is_begun: bool) -> None:
    asha = await asha_in(runtime)
    async with runtime.database.autocommit() as connection:
        begun = text("UPDATE pin SET failures = 3, tries = 3, tried_at = :tried_at WHERE customer_id = :id")
        await connection.execute(begun, {"tried_at": clock.now() - timedelta(seconds=ago), "id": asha})
    if is_begun:
        with pytest.raises(PinLocked):
            await pins.check(runtime, asha, typed_pins.WRONG)
    else:
        with pytest.raises(Busy):
            await pins.check(runtime, asha, typed_pins.RIGHT)
