"""Covers that are renewed, lapse or end: each once, told once, whatever happens to the worker in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from core import clock
from core.customers.profiles import Customer
from core.insurance import covers, products, renewals
from core.runtime import Runtime
from core.settings import Settings
from tests import closed, pins
from tests.core.counter import ASHA, BARAKA, change, check_books, held, kes, one, person, received
from tests.core.insurance.covers import ACCIDENT, FUNERAL, HOSPITAL, PRICE, buy, day, on, premiums, runs, set_balance, work

START = 1_250_000
RENEWS, RENEWED, STOPPED, ENDED = "renews on", "cover renewed for", "has stopped", "has ended"


@pytest.fixture
async def asha(runtime: Runtime) -> AsyncIterator[Customer]:
    yield await person(runtime, ASHA)
    await check_books(runtime)


async def bought(runtime: Runtime, customer: Customer, product: str = HOSPITAL) -> None:
    with on(0):
        await buy(runtime, customer, product)


async def told(runtime: Runtime) -> list[int]:
    """How often she was told of the renewal to come, of one done, of one not paid, of the end."""
    return [await received(runtime, ASHA, words) for words in (RENEWS, RENEWED, STOPPED, ENDED)]


async def test_every_term_is_charged_once_with_two_workers_at_once_and_told_before_and_after(
    runtime: Runtime, asha: Customer
) -> None:
    await bought(runtime, asha)
    for days in range(1, 95):
        with on(days):
            await asyncio.gather(work(runtime), work(runtime))
    assert await held(runtime, ASHA) == START - 4 * PRICE
    assert await premiums(runtime) == 4 * PRICE
    assert await runs(runtime) == [(day(0), day(14), day(120), "active")]
    assert await told(runtime) == [3, 3, 0, 0]
    assert await received(runtime, ASHA, "renews on 01/04/2027 for KES 150.") == 1
    assert await received(runtime, ASHA, "Pays up to KES 10,000 until 30/04/2027. Balance KES 12,200.") == 1


async def test_it_is_renewed_when_the_day_begins_in_nairobi_and_not_in_london(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    with clock.at(datetime(2027, 3, 31, 20, 59, 59, tzinfo=UTC)):
        assert await renewals.renew(runtime) == 0
    with clock.at(datetime(2027, 3, 31, 21, tzinfo=UTC)):
        assert await renewals.renew(runtime) == 1
    assert await held(runtime, ASHA) == START - 2 * PRICE


async def test_a_fault_in_the_middle_takes_nothing_and_stops_nobody_else(
    runtime: Runtime, asha: Customer, settings: Settings
) -> None:
    baraka = await person(runtime, BARAKA)
    await bought(runtime, asha)
    await bought(runtime, baraka)
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        # After the money has been moved, before the term has: for her alone.
        connection.execute(
            f"""CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF OLD.customer_id = '{asha.id}' THEN RAISE EXCEPTION 'broken on purpose'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER break BEFORE UPDATE ON policy FOR EACH ROW EXECUTE FUNCTION break()"""
        )
        with on(30):
            await asyncio.gather(work(runtime), work(runtime))
        assert (await held(runtime, ASHA), await held(runtime, BARAKA)) == (START - PRICE, 320_000 - 2 * PRICE)
        assert await told(runtime) == [0, 0, 0, 0]
        connection.execute("DROP TRIGGER break ON policy")
    with on(30, hours=1):
        await asyncio.gather(work(runtime), work(runtime))
    assert (await held(runtime, ASHA), await held(runtime, BARAKA)) == (START - 2 * PRICE, 320_000 - 2 * PRICE)
    assert (await told(runtime))[1] == 1


async def test_a_worker_that_comes_days_late_leaves_no_gap(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    with on(64):
        await work(runtime)
    assert await runs(runtime) == [(day(0), day(14), day(90), "active")]
    assert await held(runtime, ASHA) == START - 3 * PRICE


async def test_unpaid_it_stops_is_tried_once_a_day_and_goes_on_from_the_day_it_is_paid(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    await set_balance(runtime, asha, PRICE - 1)
    for days in range(27, 34):
        for hours in (0, 1):
            with on(days, hours):
                await asyncio.gather(work(runtime), work(runtime))
    [policy] = await covers.list_policies(runtime, asha)
    assert policy.status == "grace"
    assert await one(runtime, "SELECT count(*) FROM chore WHERE kind = 'cover_renewal'") == "4"
    assert await told(runtime) == [1, 0, 1, 0]
    assert await received(runtime, ASHA, "KES 150 was not there to renew it. Put it in by 07/04/2027") == 1
    await set_balance(runtime, asha, PRICE)
    with on(34):
        await asyncio.gather(work(runtime), work(runtime))
    # No second waiting time, and the days without cover are in neither run.
    assert await runs(runtime) == [(day(0), day(14), day(30), "ended"), (day(34), day(34), day(64), "active")]
    assert (await held(runtime, ASHA), await told(runtime)) == (0, [1, 1, 1, 0])


async def test_unpaid_to_the_end_of_grace_it_ends_and_who_buys_it_again_waits_again(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    await set_balance(runtime, asha, 0)
    for days in range(27, 45):
        with on(days):
            await asyncio.gather(work(runtime), work(runtime))
            assert len(await covers.list_policies(runtime, asha)) == (days < 37)
    assert await told(runtime) == [1, 0, 1, 1]
    await set_balance(runtime, asha, PRICE)
    with on(45):
        assert (await buy(runtime, asha, key="again")).policy.waits_until == day(59)


async def test_money_that_is_there_on_the_evening_she_was_told_of_is_in_time(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    await set_balance(runtime, asha, 0)
    for days in range(30, 37):
        with on(days):
            await work(runtime)
    await set_balance(runtime, asha, PRICE)
    with on(37):
        await work(runtime)
    assert (await runs(runtime))[-1] == (day(37), day(37), day(67), "active")


async def test_an_unpaid_cover_can_be_paid_at_once_with_the_pin(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha, FUNERAL)
    await change(runtime, "UPDATE policy SET ends = :day", day=day(30))
    await set_balance(runtime, asha, 0)
    with on(30):
        await work(runtime)
    await set_balance(runtime, asha, 2 * 120_000)
    with on(30, hours=2):
        first = await buy(runtime, asha, FUNERAL, "pay")
        assert await buy(runtime, asha, FUNERAL, "pay") == first
        await work(runtime)
    # What was left of the first waiting time is waited, and no more.
    assert await runs(runtime, FUNERAL) == [(day(0), day(90), day(30), "ended"), (day(30), day(90), day(395), "active")]
    assert await held(runtime, ASHA) == 120_000


async def test_a_cover_that_shall_not_renew_takes_nothing_and_ends_at_its_end(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    [policy] = await covers.list_policies(runtime, asha)
    await covers.stop_renewal(runtime, asha, policy.id)
    for days in range(26, 32):
        with on(days):
            await asyncio.gather(work(runtime), work(runtime))
    assert await runs(runtime) == [(day(0), day(14), day(30), "ended")]
    assert (await held(runtime, ASHA), await told(runtime)) == (START - PRICE, [0, 0, 0, 1])
    assert await received(runtime, ASHA, "The last day of your Hospital cash cover is 31/03/2027.") == 1


async def test_an_unpaid_cover_that_is_given_up_is_not_tried_again(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    await set_balance(runtime, asha, 0)
    with on(30):
        await work(runtime)
        [policy] = await covers.list_policies(runtime, asha)
        assert (await covers.stop_renewal(runtime, asha, policy.id)).status == "ended"
    await set_balance(runtime, asha, PRICE)
    with on(31):
        await work(runtime)
    assert await held(runtime, ASHA) == PRICE


async def test_who_has_closed_her_account_is_neither_charged_nor_told(runtime: Runtime, asha: Customer) -> None:
    await bought(runtime, asha)
    await closed.close(runtime, asha.id)
    for days in (27, 30, 31):
        with on(days):
            await work(runtime)
    assert await runs(runtime) == [(day(0), day(14), day(30), "ended")]
    assert (await held(runtime, ASHA), await told(runtime)) == (0, [0, 0, 0, 0])


async def test_a_new_price_is_told_before_it_is_taken_and_the_old_days_keep_their_old_cover(
    runtime: Runtime, asha: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bought(runtime, asha)
    old = products.read(products.FILE.read_text())
    dearer = replace(old[0], starts=day(30), price=kes(200), cover=kes(12_000))
    monkeypatch.setattr(products, "_products", lambda: (*old, dearer))
    for days in (27, 30, 60):
        with on(days):
            await work(runtime)
    assert await received(runtime, ASHA, "renews on 01/04/2027 for KES 200.") == 1
    assert await runs(runtime) == [(day(0), day(14), day(30), "ended"), (day(30), day(30), day(90), "active")]
    assert await one(runtime, "SELECT string_agg(cover::text, ' ' ORDER BY starts) FROM policy") == "1000000 1200000"
    assert await held(runtime, ASHA) == START - PRICE - 2 * 20_000


async def test_a_term_that_was_begun_is_no_reason_to_tell_of_its_end(runtime: Runtime, asha: Customer) -> None:
    for product in (HOSPITAL, ACCIDENT):
        with on(0):
            await covers.buy(runtime, asha, product, pins.RIGHT, product)
    for days in range(27):
        with on(days):
            await work(runtime)
    assert await told(runtime) == [0, 0, 0, 0]
