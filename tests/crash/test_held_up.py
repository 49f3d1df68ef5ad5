"""One locked row: whoever needs it waits a while, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
import pytest

from core.db import conninfo
from core.errors import Busy
from core.ids import new_id
from core.ledger import poster as poster_module
from core.ledger.chart import FEES, SystemAccount
from core.ledger.post import post_on_driver
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, Transfer
from tests.crash import bank
from tests.crash.gifts import HIGH, LOW, gift, keys_in, outcomes, posting, submitted, waits_for_lock

OTHERS = [bank.wallet("KES", number) for number in range(2, 6)]
FEE = SystemAccount(FEES, "KES")


@pytest.fixture
async def poster(bank_url: str) -> AsyncIterator[Poster]:
    async with posting(conninfo(bank_url), lanes=2) as made:
        yield made


@asynccontextmanager
async def holding(bank_url: str, *accounts: UUID) -> AsyncIterator["psycopg.AsyncConnection[tuple[object, ...]]"]:
    """A stranger who has locked these rows and falls silent."""
    async with await psycopg.AsyncConnection.connect(bank_url) as holder:
        await holder.execute("SELECT FROM account WHERE id = ANY (%s) FOR UPDATE", [list(accounts)])
        yield holder
        await holder.rollback()


def others(name: str, fee: int = 0) -> list[Transfer]:
    """A round of payments among people of whom nobody holds anything."""
    pairs = zip(OTHERS, OTHERS[1:] + OTHERS[:1], strict=True)
    return [
        Transfer(
            new_id(),
            giver,
            f"{name}{number}",
            "gift",
            (Leg(giver, -100 - fee), Leg(taker, 100), *([Leg(FEE, fee)] if fee else [])),
        )
        for number, (giver, taker) in enumerate(pairs)
    ]


@pytest.mark.race("core/ledger/post.sql:ledger_post_2")
async def test_a_locked_wallet_holds_up_its_own_payments_and_nobody_elses(bank_url: str, poster: Poster) -> None:
    async with holding(bank_url, LOW):
        stuck = asyncio.ensure_future(submitted(poster, gift("from"), gift("to", giver=HIGH, taker=LOW)))
        for number in range(20):
            answers = await submitted(poster, *others(f"round {number} "))
            assert outcomes(answers) == ["posted"] * len(OTHERS)
            assert not stuck.done()
    assert outcomes(await stuck) == ["posted", "posted"]
    assert len(keys_in(bank_url)) == 2 + 20 * len(OTHERS)


async def test_a_locked_stripe_of_fees_holds_up_nobody(bank_url: str, poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    async with holding(bank_url, FEE.stripe(7)):
        # Every first try draws the stripe that is locked.
        monkeypatch.setattr("random.randrange", lambda least, most=None: 7 if most is None else least)
        for number in range(5):
            assert outcomes(await submitted(poster, *others(f"round {number} ", fee=10))) == ["posted"] * len(OTHERS)
    assert len(keys_in(bank_url)) == 5 * len(OTHERS)


async def test_a_payment_that_is_held_up_too_long_is_refused_and_never_made(
    bank_url: str, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster_module, "_HELD_UP_SECONDS", 0.3)
    async with holding(bank_url, LOW):
        with pytest.raises(Busy):
            await poster.submit(gift("refused"))
        with pytest.raises(Busy):
            await poster.submit_chain([gift("chain a", giver=HIGH, taker=LOW), gift("chain b")])
    assert (await poster.submit(gift("later"))).outcome == "posted"
    assert keys_in(bank_url) == {"later"}


async def test_whoever_gives_up_while_held_up_pays_once_when_she_asks_again(bank_url: str, poster: Poster) -> None:
    async with holding(bank_url, LOW):
        gone = asyncio.ensure_future(poster.submit(gift("gone")))
        await waits_for_lock(bank_url)
        gone.cancel()
        again = asyncio.ensure_future(poster.submit(gift("again")))
        assert outcomes(await submitted(poster, *others("others"))) == ["posted"] * len(OTHERS)
    assert (await again).outcome == "posted"
    assert "gone" not in keys_in(bank_url)


async def test_whoever_gives_up_while_the_database_is_away_is_not_paid_for_when_it_is_back(
    bank_url: str, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Her first call never reached the server; the batch is sent again with those who still wait."""
    calls: list[list[str]] = []
    lost = asyncio.Event()

    async def failing(driver: object, transfers: list[Transfer], *given: object, **how: object) -> object:
        calls.append([transfer.key for transfer in transfers])
        if len(calls) == 1:
            lost.set()
            raise psycopg.OperationalError("the connection is lost")
        return await post_on_driver(driver, transfers, *given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(poster_module, "post_on_driver", failing)
    gone, patient = (asyncio.ensure_future(poster.submit(gift(key))) for key in ("gone", "patient"))
    await lost.wait()
    gone.cancel()
    assert (await patient).outcome == "posted"
    assert calls == [["gone", "patient"], ["patient"]]
    assert keys_in(bank_url) == {"patient"}


async def test_a_chain_with_one_locked_account_waits_as_a_whole(bank_url: str, poster: Poster) -> None:
    async with holding(bank_url, HIGH):
        chain = asyncio.ensure_future(
            poster.submit_chain([gift("first", giver=LOW, taker=OTHERS[0]), gift("second", giver=LOW, taker=HIGH)])
        )
        await waits_for_lock(bank_url)
        assert outcomes(await submitted(poster, *others("others"))) == ["posted"] * len(OTHERS)
        assert not keys_in(bank_url) & {"first", "second"}
    assert outcomes(await chain) == ["posted", "posted"]


async def test_an_account_that_is_not_there_is_no_locked_one(bank_url: str, poster: Poster) -> None:
    nobody = new_id()
    async with holding(bank_url, LOW):
        stuck = asyncio.ensure_future(poster.submit(gift("stuck")))
        await waits_for_lock(bank_url)
        lost = Transfer(new_id(), OTHERS[0], "lost", "gift", (Leg(OTHERS[0], -100), Leg(nobody, 100)))
        assert (await poster.submit(lost)).outcome != "posted"
    assert (await stuck).outcome == "posted"
