"""The line to PostgreSQL is cut in the middle of a batch: whoever waits hears the truth, and money moves once."""

import asyncio

import psycopg
import pytest

from core.db import conninfo
from core.ledger.poster import Poster
from tests.crash import bank
from tests.crash.payer import keys
from tests.crash.proxy import line

KEYS = list(keys("lost", 60))


async def check_books(database_url: str, receipts: list[bank.Receipt], made: int | None = None) -> None:
    findings, keys_made = await bank.examine(database_url, receipts)
    assert findings == []
    assert made is None or len(keys_made) == made


async def test_a_whole_line_changes_nothing(bank_url: str) -> None:
    async with line(bank_url) as (proxy, address):
        receipts = await bank.pay_all(address, KEYS)
    assert proxy.lost == 0
    assert len(receipts) == len(KEYS)
    await check_books(bank_url, receipts)


@pytest.mark.parametrize("cuts", [1, 4])
async def test_a_payment_whose_answer_was_lost_is_answered_truly_and_made_once(bank_url: str, cuts: int) -> None:
    async with line(bank_url) as (proxy, address):
        proxy.answers_to_lose = cuts
        receipts = await bank.pay_all(address, KEYS)
    assert proxy.lost == cuts
    assert len(receipts) == len(KEYS)
    assert any("repeated" in receipt.outcomes for receipt in receipts), "nothing was committed before the cut"
    await check_books(bank_url, receipts)


@pytest.mark.parametrize("cuts", [1, 4])
async def test_a_payment_that_never_reached_the_database_is_made_once(bank_url: str, cuts: int) -> None:
    async with line(bank_url) as (proxy, address):
        proxy.requests_to_lose = cuts
        receipts = await bank.pay_all(address, KEYS)
    assert proxy.lost == cuts
    assert len(receipts) == len(KEYS)
    assert not any("repeated" in receipt.outcomes for receipt in receipts)
    await check_books(bank_url, receipts)


async def test_a_customer_who_got_no_answer_at_all_pays_once_when_she_tries_again(
    bank_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.ledger.poster._RESOLVE_SECONDS", 0.2)
    async with line(bank_url) as (proxy, address):
        poster = Poster(conninfo(address), bank.COUNTRY)
        proxy.answers_to_lose = 1_000
        lost = await asyncio.gather(*(bank.pay(poster, key) for key in KEYS[:10]), return_exceptions=True)
        assert [type(answer) for answer in lost] == [psycopg.OperationalError] * 10
        proxy.answers_to_lose = 0
        receipts = await asyncio.gather(*(bank.pay(poster, key) for key in KEYS[:10]))
        await poster.close()
    assert all(set(receipt.outcomes) == {"repeated"} for receipt in receipts)
    await check_books(bank_url, receipts, made=10)


async def test_a_database_that_falls_silent_costs_its_callers_a_while_and_the_next_ones_nothing(
    bank_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.ledger.poster._CALL_SECONDS", 0.5)
    monkeypatch.setattr("core.ledger.poster._RESOLVE_SECONDS", 0.1)
    async with line(bank_url) as (proxy, address):
        poster = Poster(conninfo(address), bank.COUNTRY, lanes=1)
        await bank.pay(poster, "connects")
        proxy.answers_to_lose, proxy.is_silent = 1, True
        lost = asyncio.gather(*(bank.pay(poster, key) for key in KEYS[:10]), return_exceptions=True)
        await asyncio.sleep(0)
        while not proxy.lost:  # noqa: ASYNC110 - the other end of the line is no object of ours
            await asyncio.sleep(0.01)
        next_ones = await asyncio.gather(*(bank.pay(poster, key) for key in KEYS[10:20]))
        assert [type(answer) for answer in await lost] == [TimeoutError] * 10
        again = await asyncio.gather(*(bank.pay(poster, key) for key in KEYS[:10]))
        await poster.close()
    assert all(set(receipt.outcomes) == {"repeated"} for receipt in again)
    await check_books(bank_url, [*next_ones, *again])


async def test_a_payment_that_was_reported_as_lost_before_it_was_sent_has_moved_nothing(
    bank_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.ledger.poster._RESOLVE_SECONDS", 0.2)
    async with line(bank_url) as (proxy, address):
        proxy.requests_to_lose = 1_000
        assert await bank.pay_all(address, KEYS[:10]) == []
    await check_books(bank_url, [], made=0)
