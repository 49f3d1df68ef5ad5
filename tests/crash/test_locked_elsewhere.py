"""Locks that are not on the giver's row, locks one behind the other, and a lock that is a lost call's own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from core import clock
from core.db import conninfo
from core.ledger import holds
from core.ledger import poster as poster_module
from core.ledger.post import post_on_driver
from core.ledger.poster import Poster
from core.ledger.transfer import Hold, Notice
from tests.crash import bank
from tests.crash.gifts import HIGH, LOW, gift, keys_in, outcomes, posting, submitted, waits_since
from tests.crash.test_held_up import OTHERS, holding, others

MANY = 30


@pytest.fixture
async def poster(bank_url: str) -> AsyncIterator[Poster]:
    async with posting(conninfo(bank_url)) as made:
        yield made


class Calls:
    """Notes each call of the poster: its connection, its keys and how long it waits for rows."""

    def __init__(self) -> None:
        self.made: list[tuple[object, list[str], int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.many = asyncio.Event()

    async def call(self, driver: Any, transfers: Any, *given: Any, **how: Any) -> Any:
        self.made.append((driver, [transfer.key for transfer in transfers], how["wait_ms"]))
        if len(self.made) == MANY:
            self.many.set()
        await self.open.wait()
        return await post_on_driver(driver, transfers, *given, **how)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    counted = Calls()
    monkeypatch.setattr(poster_module, "post_on_driver", counted.call)
    return counted


async def test_whoever_is_held_up_by_her_own_lost_call_does_not_hear_that_nothing_was_done(
    bank_url: str, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is lost while the server still writes: it keeps her row, and commits in the end."""
    monkeypatch.setattr(poster_module, "_HELD_UP_SECONDS", 0.3)
    lost: list[object] = []
    async with await psycopg.AsyncConnection.connect(conninfo(bank_url)) as server:

        async def cut(driver: Any, transfers: Any, *given: Any, **how: Any) -> Any:
            if not lost:
                lost.append(await post_on_driver(server, transfers, *given, **how))
                raise psycopg.OperationalError("the connection is lost")
            return await post_on_driver(driver, transfers, *given, **how)

        monkeypatch.setattr(poster_module, "post_on_driver", cut)
        with pytest.raises(psycopg.OperationalError):
            await poster.submit(gift("late"))
        await server.commit()
    assert keys_in(bank_url) == {"late"}
    assert (await poster.submit(gift("late"))).outcome == "repeated"


@pytest.mark.race("core/ledger/post_calls.sql:ledger_passed_holds")
async def test_a_locked_hold_keeps_up_its_own_settlement_and_nobody_elses(bank_url: str, poster: Poster) -> None:
    reserved = holds.reserve(gift("reserved"), clock.now() + timedelta(days=1))
    assert (await poster.submit(reserved)).outcome == "posted"
    hold = Hold(reserved.id, reserved.initiator, reserved.legs)
    async with await psycopg.AsyncConnection.connect(bank_url) as holder:
        await holder.execute("SELECT FROM open_hold WHERE hold_id = %s FOR UPDATE", [hold.id])
        stuck = asyncio.ensure_future(poster.submit(holds.capture(hold, "captured")))
        assert outcomes(await submitted(poster, *others("together "))) == ["posted"] * len(OTHERS)
        assert not stuck.done()
        await holder.rollback()
    assert (await stuck).outcome == "posted"
    [again] = await submitted(poster, holds.give_back(hold, "given back"))
    assert outcomes([again]) == ["hold_closed"]


async def test_a_batch_that_is_taken_apart_waits_for_no_locked_row_again_and_again(
    bank_url: str, poster: Poster, calls: Calls
) -> None:
    async with holding(bank_url, LOW):
        stuck = asyncio.ensure_future(submitted(poster, *(gift(f"stuck {number}") for number in range(20)), gift("nul\0")))
        assert outcomes(await submitted(poster, *others("together "))) == ["posted"] * len(OTHERS)
    assert outcomes(await stuck) == ["posted"] * 20 + ["DataError"]
    lane, whole, _ = calls.made[0]
    assert [wait_ms for driver, keys, wait_ms in calls.made if driver is lane and len(keys) == 1] == [0] * len(whole)


async def test_those_who_queue_for_a_locked_row_leave_the_queue_at_once(
    bank_url: str, poster: Poster, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster_module, "_MOST_TOGETHER", 1 + len(OTHERS))
    calls.open.clear()
    connects = asyncio.ensure_future(poster.submit(gift("connects", giver=OTHERS[0], taker=OTHERS[1])))
    while not calls.made:  # noqa: ASYNC110 - the list is no event
        await asyncio.sleep(0)
    queue = [transfer for number in range(5) for transfer in (gift(f"stuck {number}"), *others(f"round {number} "))]
    queued = [asyncio.ensure_future(poster.submit(transfer)) for transfer in queue]
    async with holding(bank_url, LOW):
        calls.open.set()
        free = [paid for paid, wish in zip(queued, queue, strict=True) if wish.initiator != LOW]
        assert outcomes(await asyncio.gather(connects, *free)) == ["posted"] * (1 + len(free))
        lane = calls.made[0][0]
        waited = [wait_ms for driver, keys, wait_ms in calls.made if driver is lane and any("stuck" in key for key in keys)]
        assert waited == [100, 0]
    assert outcomes(await asyncio.gather(*queued)) == ["posted"] * len(queue)


async def test_whoever_waits_for_a_locked_row_keeps_the_other_side_of_her_payment_from_nobody(
    bank_url: str, poster: Poster, calls: Calls
) -> None:
    """But for her turn, now and then, at a row for which others always queue."""
    async with holding(bank_url, HIGH):
        stuck = asyncio.ensure_future(poster.submit(gift("stuck", giver=HIGH, taker=LOW)))
        await calls.many.wait()
        lane = calls.made[-1][0]
        waits = [wait_ms for driver, _, wait_ms in calls.made if driver is lane]
        eights = [waits[begin : begin + 8] for begin in range(len(waits) - 8)]
        assert all(sum(wait_ms > 0 for wait_ms in eight) <= 1 for eight in eights), waits
        assert any(waits)
    assert (await stuck).outcome == "posted"


async def test_rows_that_are_locked_one_behind_the_other_are_not_waited_for_one_after_the_other(bank_url: str) -> None:
    async with (
        await psycopg.AsyncConnection.connect(conninfo(bank_url), autocommit=True) as driver,
        holding(bank_url, LOW) as first,
        holding(bank_url, HIGH) as second,
    ):
        waiting = asyncio.ensure_future(post_on_driver(driver, [gift("patient")], bank.COUNTRY, stripe=0, wait_ms=600))
        await waits_since(bank_url, 400)
        await first.rollback()
        await waits_since(bank_url, 650)
        await second.rollback()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await waiting
    assert keys_in(bank_url) == set()


async def test_a_locked_table_keeps_no_row_from_others_for_seconds(bank_url: str) -> None:
    notice = Notice("+254700000000", "en", "Paid", 0)
    async with (
        await psycopg.AsyncConnection.connect(bank_url, autocommit=True, options="-c statement_timeout=3s") as driver,
        await psycopg.AsyncConnection.connect(bank_url) as holder,
    ):
        await holder.execute("LOCK TABLE outbox IN SHARE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await post_on_driver(driver, [replace(gift("told"), notices=(notice,))], bank.COUNTRY, stripe=0, wait_ms=0)
        await holder.rollback()
    assert keys_in(bank_url) == set()
