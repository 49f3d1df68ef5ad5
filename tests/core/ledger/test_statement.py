"""What customers and auditors can look up: the history of an account, page by page, at any moment, and as a file."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from core import clock, ids
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.ledger import holds, statement
from core.ledger.chart import FEES, TRUST, SystemAccount
from core.ledger.transfer import Hold, Leg, Transfer
from core.money import Money
from core.runtime import Runtime

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def asha(runtime: Runtime) -> Customer:
    """Asha, who after her first deposit has paid 1, 2, 3 ... 12 shillings, a day after another, in 2030."""
    found, baraka = await profiles.find(runtime, "+254711000001"), await profiles.find(runtime, "+254722000002")
    assert found is not None
    assert baraka is not None
    for number in range(1, 13):
        with clock.at(BEGIN + timedelta(days=number)):
            legs = (Leg(found.wallet, -100 * number), Leg(baraka.wallet, 100 * number))
            await runtime.poster.submit(Transfer(ids.new_id(), found.wallet, f"day {number}", "send", legs))
    return found


async def test_pages_hold_every_posting_once_and_their_balances_run_on(runtime: Runtime, asha: Customer) -> None:
    lines, closings, openings = [], [], []
    cursor: int | None = None
    async with runtime.database.autocommit() as connection:
        while True:
            page = await statement.get_page(connection, asha.wallet, most=5, cursor=cursor)
            lines += page.lines
            closings.append(page.closing)
            openings.append(page.opening)
            cursor = page.cursor
            if cursor is None:
                break
    assert [line.amount.minor for line in lines] == [-100 * number for number in range(12, 0, -1)] + [1_250_000]
    assert openings[:-1] == closings[1:]
    assert openings[-1] == Money(0, "KES")
    assert closings[0] == Money(1_250_000 - 7_800, "KES")
    baraka = await profiles.find(runtime, "+254722000002")
    assert baraka is not None
    assert {line.other_owner for line in lines} == {baraka.id, None}


async def test_a_time_of_the_statement_opens_and_closes_with_the_balances_of_then(runtime: Runtime, asha: Customer) -> None:
    since, until = BEGIN + timedelta(days=3), BEGIN + timedelta(days=6)
    async with runtime.database.autocommit() as connection:
        page = await statement.get_page(connection, asha.wallet, since=since, until=until)
        before = await statement.get_balance_at(connection, asha.wallet, since - timedelta(seconds=1))
        after = await statement.get_balance_at(connection, asha.wallet, until - timedelta(seconds=1))
        empty = await statement.get_page(connection, asha.wallet, since=until, until=until)
    assert [line.amount.minor for line in page.lines] == [-500, -400, -300]
    assert (page.opening, page.closing) == (before, after) == (Money(1_249_700, "KES"), Money(1_248_500, "KES"))
    assert (empty.lines, empty.opening, empty.closing) == ([], after, after)


async def test_the_balance_of_any_moment(runtime: Runtime, asha: Customer) -> None:
    async with runtime.database.autocommit() as connection:
        moments = [datetime(2020, 1, 1, tzinfo=UTC), BEGIN, BEGIN + timedelta(days=1), BEGIN + timedelta(days=99)]
        balances = [(await statement.get_balance_at(connection, asha.wallet, moment)).minor for moment in moments]
    assert balances == [0, 1_250_000, 1_249_900, 1_242_200]


async def test_what_could_be_spent_at_any_moment_leaves_out_what_was_held_then(runtime: Runtime, asha: Customer) -> None:
    day = BEGIN + timedelta(days=30)
    legs = (Leg(asha.wallet, -5_000), Leg(SystemAccount(FEES, "KES"), 5_000))
    spendable = 1_242_200
    for number, ends_in in enumerate(("capture", "void")):
        begun, ended = day + timedelta(days=number), day + timedelta(days=number, hours=1)
        with clock.at(begun):
            wish = holds.reserve(Transfer(ids.new_id(), asha.wallet, f"hold {number}", "withdraw", legs), day + timedelta(days=9))
            assert (await runtime.poster.submit(wish)).outcome == "posted"
        hold = Hold(wish.id, asha.wallet, legs)
        with clock.at(ended):
            end = holds.capture(hold, f"end {number}") if ends_in == "capture" else holds.give_back(hold, f"end {number}")
            assert (await runtime.poster.submit(end)).outcome == "posted"
        moments = (begun - timedelta(seconds=1), begun, ended - timedelta(seconds=1), ended)
        async with runtime.database.autocommit() as connection:
            then = [(await statement.get_available_at(connection, asha.wallet, moment)).minor for moment in moments]
        assert then == [spendable, spendable - 5_000, spendable - 5_000, spendable - (5_000 if ends_in == "capture" else 0)]
        spendable = then[-1]
    async with runtime.database.autocommit() as connection:
        assert (await statement.get_available(connection, asha.wallet)).minor == spendable


async def test_the_file_has_a_line_a_posting_and_runs_no_formula(runtime: Runtime, asha: Customer) -> None:
    async with runtime.database.autocommit() as connection:
        pieces = [piece async for piece in wallet.write_csv(connection, asha.wallet, BEGIN, BEGIN + timedelta(days=99))]
    header, *rows = csv.reader(StringIO("".join(pieces)))
    assert header == ["time", "reference", "kind", "other side", "amount", "balance", "currency"]
    assert len(rows) == 12
    assert rows[0][0] == "2030-01-13T00:00:00+00:00"
    assert rows[0][2:] == ["send", "Baraka Otieno", "-12.00", "12422.00", "KES"]


async def test_the_services_own_accounts_are_exact_over_all_their_stripes(runtime: Runtime, asha: Customer) -> None:
    for number in range(40):
        legs = (Leg(asha.wallet, -7), Leg(SystemAccount(FEES, "KES"), 7))
        await runtime.poster.submit(Transfer(ids.new_id(), asha.wallet, f"fee {number}", "send", legs))
    async with runtime.database.autocommit() as connection:
        assert await statement.get_system_balance(connection, SystemAccount(FEES, "KES")) == Money(280, "KES")
        trust = await statement.get_system_balance(connection, SystemAccount(TRUST, "KES"))
    assert trust == Money(-(1_250_000 + 320_000 + 150_000 + 10_000_000), "KES")
