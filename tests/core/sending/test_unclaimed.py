"""Money that waits for somebody arrives once or comes back once, whoever races with whom and whatever breaks."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
import structlog
from sqlalchemy import update
from structlog.testing import capture_logs

from core import clock
from core.ledger.chart import EXCISE, FEES, UNCLAIMED
from core.membership import joining
from core.money import Money
from core.runtime import Runtime
from core.sending import unclaimed
from core.settings import Settings
from core.tables.sending import invitation
from tests import closed, pins
from tests.core.sending.invited import (
    ASHA,
    ASHA_MINOR,
    BARAKA,
    NEEMA,
    balance_minor,
    check_books,
    invite,
    paid_in,
    person,
    register,
    states,
    system_minor,
    told,
)


@contextmanager
def failing_transfers(settings: Settings, kind: str) -> Iterator[None]:
    """The database breaks in the middle of every transfer of the kind, for as long as the block lasts."""
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        owner.execute(
            f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.kind = '{kind}' THEN RAISE EXCEPTION 'the disk is full'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER fail BEFORE INSERT ON transfer FOR EACH ROW EXECUTE FUNCTION fail()"""
        )
        try:
            yield
        finally:
            owner.execute("DROP TRIGGER fail ON transfer; DROP FUNCTION fail()")


async def test_she_gets_all_that_waits_when_she_registers_and_everybody_is_told(runtime: Runtime) -> None:
    await invite(runtime)
    await invite(runtime, sender=BARAKA, amount=Money(100_000, "KES"))
    await invite(runtime, phone="+254722000112")
    await register(runtime)
    assert await balance_minor(runtime, NEEMA) == 150_000
    assert await states(runtime) == ["credited", "credited", "waiting"]
    received = (await told(runtime, NEEMA))[:2]
    assert {body.split("Umepokea ")[1].split(". ")[0] for body in received} == {
        "KES 500 kutoka kwa Asha Wanjiku 0711000001",
        "KES 1,000 kutoka kwa Baraka Otieno 0722000002",
    }
    assert (await told(runtime, ASHA))[0].startswith("Neema Achieng 0722000111 has joined Jasho and received your KES 500.")
    assert "amepokea KES 1,000 uliyomtumia" in (await told(runtime, BARAKA))[0]
    assert await unclaimed.settle(runtime) == 0
    await check_books(runtime)


async def test_after_seven_days_it_comes_back_whole_and_once_with_any_number_of_workers(runtime: Runtime) -> None:
    earned = await system_minor(runtime, FEES, EXCISE)
    for phone in (NEEMA, "+254722000112", "+254722000113"):
        await invite(runtime, phone=phone)
    with clock.at(clock.now() + timedelta(days=7, seconds=-5)):
        assert await unclaimed.settle(runtime) == 0
    with clock.at(clock.now() + timedelta(days=7)):
        assert sum(await asyncio.gather(*(unclaimed.settle(runtime) for _ in range(3)))) == 3
        assert await unclaimed.settle(runtime) == 0
        back = [body for body in await told(runtime, ASHA) if "did not join in time: your KES 507 is back, fee included." in body]
    assert len(back) == 3
    assert any(body.endswith("Balance KES 12,500.") for body in back)
    assert await states(runtime) == ["returned"] * 3
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR
    assert await system_minor(runtime, FEES, EXCISE) == earned
    await check_books(runtime)


async def test_who_registers_too_late_gets_an_account_and_the_sender_her_money(runtime: Runtime) -> None:
    await invite(runtime)
    with clock.at(clock.now() + timedelta(days=7)):
        await register(runtime)
        assert await unclaimed.settle(runtime) == 1
    assert await balance_minor(runtime, NEEMA) == 0
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR


async def test_a_fault_in_the_middle_of_a_return_leaves_it_to_be_done_once_later(runtime: Runtime, settings: Settings) -> None:
    await invite(runtime)
    with clock.at(clock.now() + timedelta(days=7)):
        with failing_transfers(settings, unclaimed.KIND_RETURN), capture_logs() as logs:
            assert await unclaimed.settle(runtime) == 0
        assert [line["event"] for line in logs] == ["a row's work failed"]
        assert await states(runtime) == ["waiting"]
        await check_books(runtime)
        assert await unclaimed.settle(runtime) == 1
        assert await unclaimed.settle(runtime) == 0
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR


async def test_a_fault_in_the_middle_of_the_credit_costs_nobody_her_registration(runtime: Runtime, settings: Settings) -> None:
    await invite(runtime)
    with failing_transfers(settings, unclaimed.KIND_CREDIT):
        await register(runtime)
    assert await balance_minor(runtime, NEEMA) == 0
    assert await states(runtime) == ["waiting"]
    await check_books(runtime)
    assert await unclaimed.settle(runtime) == 1
    assert await balance_minor(runtime, NEEMA) == 50_000


async def test_whoever_registers_while_money_is_sent_to_her_gets_it_once(runtime: Runtime) -> None:
    phones = [f"+2547220002{number:02d}" for number in range(9)]
    for phone in phones:
        await asyncio.gather(
            invite(runtime, phone=phone),
            invite(runtime, sender=BARAKA, phone=phone, amount=Money(1_000, "KES")),
            register(runtime, phone),
            unclaimed.settle(runtime),
        )
    await asyncio.gather(unclaimed.settle(runtime), unclaimed.settle(runtime))
    assert [await balance_minor(runtime, phone) for phone in phones] == [51_000] * len(phones)
    assert await system_minor(runtime, UNCLAIMED) == 0
    await check_books(runtime)


async def time_is_over(runtime: Runtime, phone: str) -> None:
    """Lets what waits for the number come back, as soon as a registration begun at the same time comes to the money."""
    await runtime.pin_hasher.hash(pins.OTHER_WRONG, uuid4())  # what a registration does first
    late = update(invitation).where(invitation.c.phone == phone).values(expires_at=clock.now())
    async with runtime.database.autocommit() as connection:
        await connection.execute(late)
    await asyncio.gather(unclaimed.settle(runtime), unclaimed.settle(runtime))


async def test_whoever_registers_while_the_money_goes_back_gets_it_or_the_sender_does(runtime: Runtime) -> None:
    phones = [f"+2547220003{number:02d}" for number in range(10)]
    for phone in phones:
        await invite(runtime, phone=phone)
    for phone in phones:
        await asyncio.gather(register(runtime, phone), time_is_over(runtime, phone), unclaimed.settle(runtime))
    await unclaimed.settle(runtime)
    credited = sum([await balance_minor(runtime, phone) == 50_000 for phone in phones])
    assert await states(runtime) == ["credited"] * credited + ["returned"] * (len(phones) - credited)
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR - credited * 50_700
    await check_books(runtime)


async def test_of_two_workers_one_of_which_credits_and_one_sends_back_only_one_does(runtime: Runtime, settings: Settings) -> None:
    phones = [f"+2547220006{number:02d}" for number in range(8)]
    with failing_transfers(settings, unclaimed.KIND_CREDIT):
        for phone in phones:
            await invite(runtime, phone=phone)
            await register(runtime, phone)
    over = update(invitation).where(invitation.c.phone.in_(phones[::2])).values(expires_at=clock.now())
    async with runtime.database.autocommit() as connection:
        await connection.execute(over)
    assert sum(await asyncio.gather(*(unclaimed.settle(runtime) for _ in range(4)))) == len(phones)
    assert await states(runtime) == ["credited"] * 4 + ["returned"] * 4
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR - 4 * 50_700
    await check_books(runtime)


@pytest.mark.usefixtures("contrived")
async def test_the_ledger_itself_refuses_to_send_back_what_was_credited(runtime: Runtime) -> None:
    await invite(runtime)
    await register(runtime)
    async with runtime.database.autocommit() as connection:
        await connection.execute(update(invitation).values(status="waiting", expires_at=clock.now()))
    with structlog.testing.capture_logs() as logs:
        assert [await unclaimed.settle(runtime) for _ in range(2)] == [0, 0]
    assert [line["reason"] for line in logs if line["log_level"] == "error"] == ["key_conflict"]
    assert await balance_minor(runtime, ASHA) == ASHA_MINOR - 50_700


async def test_somebody_unknown_gets_what_her_wallet_may_hold_and_the_rest_with_her_id_number(runtime: Runtime) -> None:
    await paid_in(runtime, ASHA, 5_000_000)
    for minor in (1_500_000, 1_000_000, 400_000):
        await invite(runtime, amount=Money(minor, "KES"))
    neema = await joining.join(runtime, phone=NEEMA, name="Neema Achieng", language="sw")
    assert await balance_minor(runtime, NEEMA) == 1_900_000
    assert await states(runtime) == ["credited", "credited", "waiting"]
    assert await unclaimed.settle(runtime) == 0
    await joining.complete(runtime, neema, national_id="22345678", pin=pins.NEW)
    assert await unclaimed.settle(runtime) == 1
    assert await balance_minor(runtime, NEEMA) == 2_900_000
    await check_books(runtime)


async def test_money_whose_sender_has_closed_her_account_waits_for_staff_and_is_reported_once(runtime: Runtime) -> None:
    await invite(runtime)
    await invite(runtime, phone="+254722000112")
    await closed.close(runtime, (await person(runtime, ASHA)).id)
    await register(runtime)
    assert await balance_minor(runtime, NEEMA) == 50_000, "what can still arrive does"
    with clock.at(clock.now() + timedelta(days=7)), structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert sum(await asyncio.gather(unclaimed.settle(runtime), unclaimed.settle(runtime))) == 0
    assert [line["reason"] for line in logs if line["log_level"] == "error"] == ["the sender's account is closed"]
    assert await states(runtime) == ["credited", "waiting"]
    await check_books(runtime)


async def test_a_registration_with_much_to_credit_stands_in_no_deadlock_with_what_its_senders_do(
    runtime: Runtime, settings: Settings
) -> None:
    first, last = sorted([await person(runtime, ASHA), await person(runtime, BARAKA)], key=lambda sender: sender.wallet)
    for sender in (last, first):  # credited in this order, which is not the ledger's
        await invite(runtime, sender=sender.phone)
    locked = "SELECT 1 FROM account WHERE id = %s FOR NO KEY UPDATE"
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    # Somebody who moves the money of both senders, as the ledger does: one wallet, then the other.
    async with await psycopg.AsyncConnection.connect(settings.database_url) as payer:
        await payer.execute(locked, [first.wallet])
        registering = asyncio.create_task(register(runtime))
        while not registering.done() and await (await payer.execute(waits)).fetchone() == (0,):
            await payer.execute("SELECT pg_stat_clear_snapshot()")
        await payer.execute(locked, [last.wallet])
    await registering
    assert await states(runtime) == ["credited", "credited"]
    await check_books(runtime)
