"""Many requests, one call: who shares it, who is refused, who is spared when another one is at fault."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import psycopg
import pytest

from core import ids
from core.db import conninfo
from core.errors import Busy
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.post import post_on_driver
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, PostingResult, Transfer
from tests.crash.gifts import HIGH, LOW, gift, keys_in, outcomes, posting, submitted, waits_for_lock

MUCH = 2**63 - 1


class Calls:
    """Stands where the poster calls the database: keeps account of calls, and holds them back while it is shut."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.errors: list[type[Exception]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.failed = asyncio.Event()

    async def call(
        self,
        driver: "psycopg.AsyncConnection[tuple[object, ...]]",
        transfers: Sequence[Transfer],
        country: str,
        chains: Sequence[int] | None = None,
        **how: Any,
    ) -> list[PostingResult]:
        self.batches.append([transfer.key for transfer in transfers])
        self.begun.set()
        await self.open.wait()
        try:
            return await post_on_driver(driver, transfers, country, chains, **how)
        except Exception as error:
            self.errors.append(type(error))
            self.failed.set()
            raise


@pytest.fixture
async def calls(bank_url: str, monkeypatch: pytest.MonkeyPatch) -> Calls:  # noqa: ARG001 - opening the bank is not counted
    counted = Calls()
    monkeypatch.setattr("core.ledger.poster.post_on_driver", counted.call)
    return counted


@pytest.fixture
async def poster(bank_url: str) -> AsyncIterator[Poster]:
    async with posting(conninfo(bank_url)) as made:
        yield made


async def test_payments_at_the_same_time_share_a_commit(bank_url: str, calls: Calls, poster: Poster) -> None:
    names = [f"k{number}" for number in range(400)]
    answers = await submitted(poster, *(gift(name) for name in names))
    assert outcomes(answers) == ["posted"] * 400
    assert len(calls.batches) <= 4
    assert keys_in(bank_url) == set(names)


async def test_a_lone_request_waits_for_nobody(calls: Calls, poster: Poster) -> None:
    await poster.submit(gift("connects"))
    lone = asyncio.ensure_future(poster.submit(gift("lone")))
    for _ in range(10):
        await asyncio.sleep(0)  # turns of the loop, in which no timer has time to run out
    assert calls.batches[1:] == [["lone"]]
    assert (await lone).outcome == "posted"


async def test_who_comes_while_a_call_is_under_way_joins_the_next_one(calls: Calls, poster: Poster) -> None:
    calls.open.clear()
    first = asyncio.ensure_future(poster.submit(gift("first")))
    await calls.begun.wait()
    later = asyncio.ensure_future(submitted(poster, *(gift(f"later{number}") for number in range(50))))
    await asyncio.sleep(0)
    calls.open.set()
    assert outcomes([await first, *await later]) == ["posted"] * 51
    assert len(calls.batches) == 2


async def test_a_full_queue_refuses_at_once_and_the_refused_pay_nothing(bank_url: str, calls: Calls) -> None:
    calls.open.clear()
    async with posting(conninfo(bank_url), most_waiting=3) as poster:
        first = asyncio.ensure_future(poster.submit(gift("first")))
        await calls.begun.wait()
        waiting = [asyncio.ensure_future(poster.submit(gift(f"waits{number}"))) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await poster.submit(gift("refused"))
        with pytest.raises(Busy):
            await poster.submit_chain([gift("refused_a"), gift("refused_b")])
        calls.open.set()
        assert outcomes(await asyncio.gather(first, *waiting)) == ["posted"] * 4
        assert (await poster.submit(gift("later"))).outcome == "posted"
    assert keys_in(bank_url) == {"first", "waits0", "waits1", "waits2", "later"}


@pytest.mark.parametrize(
    "poison",
    [
        lambda: gift("nul\0"),
        lambda: gift("half a character \ud800"),
        lambda: gift("no_bigint", minor=2**63),
        lambda: Transfer(ids.new_id(), LOW, "sum", "gift", (Leg(SystemAccount(TRUST, "KES"), -MUCH), Leg(LOW, MUCH))),
    ],
    ids=["nul", "surrogate", "amount", "sum"],
)
async def test_a_payment_that_makes_the_call_fail_takes_no_neighbour_down(
    bank_url: str, calls: Calls, poster: Poster, poison: Callable[[], Transfer]
) -> None:
    answers = await submitted(poster, gift("before"), poison(), gift("after"))
    assert [len(batch) for batch in calls.batches] == [3, 1, 1, 1]
    assert isinstance(answers[1], psycopg.DataError | UnicodeEncodeError)
    assert outcomes(answers)[::2] == ["posted", "posted"]
    assert keys_in(bank_url) == {"before", "after"}


async def test_who_gave_up_before_his_turn_pays_nothing(bank_url: str, calls: Calls, poster: Poster) -> None:
    calls.open.clear()
    first = asyncio.ensure_future(poster.submit(gift("first")))
    await calls.begun.wait()
    patient = asyncio.ensure_future(poster.submit(gift("patient")))
    gone = asyncio.ensure_future(poster.submit(gift("gone")))
    await asyncio.sleep(0)
    gone.cancel()
    calls.open.set()
    assert outcomes([await first, await patient]) == ["posted", "posted"]
    assert calls.batches == [["first"], ["patient"]]
    assert keys_in(bank_url) == {"first", "patient"}


async def test_who_gave_up_while_a_batch_was_taken_apart_pays_nothing(bank_url: str, calls: Calls, poster: Poster) -> None:
    calls.open.clear()
    poisoned = asyncio.ensure_future(submitted(poster, gift("nul\0"), gift("patient")))
    await asyncio.sleep(0)
    gone = asyncio.ensure_future(poster.submit(gift("gone")))
    await calls.begun.wait()
    gone.cancel()
    await asyncio.sleep(0)
    calls.open.set()
    assert outcomes(await poisoned) == ["DataError", "posted"]
    assert keys_in(bank_url) == {"patient"}


async def test_a_chain_is_made_whole_or_not_at_all_whoever_its_neighbours_are(
    bank_url: str, calls: Calls, poster: Poster
) -> None:
    whole, empty, broken, single, poisoned = await asyncio.gather(
        poster.submit_chain([gift("whole_a"), gift("whole_b", giver=HIGH, taker=LOW)]),
        poster.submit_chain([]),
        poster.submit_chain([gift("broken_a"), gift("broken_b", minor=10**12), gift("broken_c")]),
        poster.submit(gift("single")),
        poster.submit_chain([gift("poisoned_a"), gift("poisoned\0")]),
        return_exceptions=True,
    )
    assert len(calls.batches[0]) == 8
    assert isinstance(whole, list)
    assert outcomes(whole) == ["posted", "posted"]
    assert empty == []
    assert isinstance(broken, list)
    assert outcomes(broken) == ["chain_broken", "not_enough", "chain_broken"]
    assert isinstance(single, PostingResult)
    assert isinstance(poisoned, psycopg.DataError)
    assert keys_in(bank_url) == {"whole_a", "whole_b", "single"}


async def test_a_chain_stays_one_beside_a_wish_for_nothing(bank_url: str, poster: Poster) -> None:
    empty, broken = await asyncio.gather(poster.submit_chain([]), poster.submit_chain([gift("a"), gift("b", minor=10**12)]))
    assert empty == []
    assert outcomes(broken) == ["chain_broken", "not_enough"]
    assert keys_in(bank_url) == set()


async def test_a_payment_in_a_deadlock_lets_go_and_is_made_after_all(bank_url: str, calls: Calls, poster: Poster) -> None:
    async with await psycopg.AsyncConnection.connect(bank_url) as holder:
        await holder.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [HIGH])
        payment = asyncio.ensure_future(poster.submit(gift("undone")))
        await waits_for_lock(bank_url)
        await holder.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [LOW])
        await holder.rollback()
        assert (await payment).outcome == "posted"
    assert psycopg.errors.LockNotAvailable in calls.errors
    assert keys_in(bank_url) == {"undone"}
