"""`jasho ledger verify` finds one value that was changed behind the service's back, in any table that money depends on."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Column, text
from sqlalchemy.dialects import postgresql

from core import clock, ids
from core.agents import cash, directory, floats
from core.customers import profiles
from core.customers.profiles import Customer
from core.insurance import decisions
from core.ledger import exchange, holds, reversals
from core.ledger.accounts import open_account
from core.ledger.chart import FEES, GOAL, LIQUIDITY, TRUST, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.payments import handover, requests
from core.runtime import Runtime
from core.settings import Settings
from core.staff import Staff
from core.tables import metadata
from tests import pins
from tests.core.ledger.test_verify import seal_all
from tests.core.test_checks import ASHA, BARAKA, broken, busy, one

__all__ = ["busy"]

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy says nothing about it
MONEY = (
    *("account", "transfer", "posting", "hold_leg", "open_hold", "reversal", "exchange", "seal"),
    *("payment", "invitation", "goal", "job", "application", "policy", "claim", "agent_day", "float_trade"),
)
ASKED = "nothing else knows it before the money moves; afterwards the transfer does"
WORDS = "what people read: no money follows it"
TIME = "when something was done, or is done next: no amount and no owner follows it"
KEY = "scopes repetitions of a request; the ledger has its own"
# What nobody can find out from the database alone, and why that may be.
NOT_FOUND = {
    "seal.sealed_at": TIME,
    "payment.key": KEY,
    "payment.rail": "a report names the payment, and the settlement accounts are not the rail's",
    "payment.phone": ASKED,
    "payment.rail_reference": "the rail's name for it: staff compare it with the rail's own list",
    **dict.fromkeys((f"payment.{name}" for name in ("created_at", "claimed_at", "asked_at", "answer_by", "settled_at")), TIME),
    "invitation.phone": "the sender's request holds it as a hash that the service alone can make",
    **dict.fromkeys((f"invitation.{name}" for name in ("created_at", "expires_at", "settled_at")), TIME),
    **dict.fromkeys(("goal.name", "goal.target"), WORDS),
    **dict.fromkeys(("goal.due", "goal.is_locked", "goal.rule", "goal.rule_next", "goal.rule_day", "goal.created_at"), TIME),
    "goal.rule_amount": ASKED,
    **dict.fromkeys((f"job.{name}" for name in ("number", "category", "place", "title", "decided_by")), WORDS),
    "job.key": KEY,
    **dict.fromkeys(("job.created_at", "job.expires_at", "job.changed_at"), TIME),
    **dict.fromkeys(("application.created_at", "application.changed_at"), TIME),
    **dict.fromkeys(("policy.product", "policy.cover"), "the product's file says it; staff read it before they pay"),
    **dict.fromkeys(
        (f"policy.{name}" for name in ("starts", "waits_until", "ends", "renews", "status", "created_at")),
        "which claims are covered: staff decide on each",
    ),
    **dict.fromkeys((f"claim.{name}" for name in ("number", "reason", "happened", "decided_by", "decision")), WORDS),
    **dict.fromkeys(("claim.created_at", "claim.decided_at"), TIME),
    "claim.key": KEY,
    "agent_day.day": "a top-up at midnight may be counted on the day before",
    "float_trade.done_by": WORDS,
}
# By PostgreSQL's name of a type: what the value becomes.
FLIPS = {
    "BIGINT": "{} + 1",
    "INTEGER": "{} + 1",
    "SMALLINT": "{} + 1",
    "TEXT": "{} || 'x'",
    "UUID": "gen_random_uuid()",
    "TIMESTAMP WITH TIME ZONE": "{} + interval '1 us'",
    "DATE": "{} + 1",
    "BYTEA": "set_byte({0}, 0, 255 - get_byte({0}, 0))",
    "BOOLEAN": "NOT {}",
    "BIGINT[]": "array_append({}, 1::bigint)",
}
# Where the first row at hand is not the one that tells.
ORDER = {
    "account": "spent DESC, version DESC",
    "posting": "version DESC",
    "hold_leg": "position DESC",
    "seal": "number DESC",
    "payment": "settled_at",
    "goal": "due",
    "job": "escrow IS NULL",
    "application": "status <> 'hired'",
}


@pytest.fixture
async def whole(busy: Runtime) -> Runtime:
    """A service in which every table that money depends on has a row with something in each column."""
    asha, baraka = await profiles.find(busy, ASHA), await profiles.find(busy, BARAKA)
    assert asha is not None
    assert baraka is not None
    await requests.withdraw(busy, asha, Money(15_000, "KES"), pin=pins.RIGHT, key="paid out")
    await handover.ask(busy)
    paid_out = await one(busy, "SELECT id FROM payment WHERE amount = 15000")
    await requests.report(busy, UUID(str(paid_out)), paid=True, rail_reference="QX1")
    await _undo_and_exchange(busy, asha, baraka)
    await _top_up_and_claim(busy, asha)
    await seal_all(busy)
    assert await broken(busy) == set()
    return busy


async def _undo_and_exchange(runtime: Runtime, asha: Customer, baraka: Customer) -> None:
    legs = (Leg(asha.wallet, -10_700), Leg(baraka.wallet, 10_000), Leg(SystemAccount(FEES, "KES"), 700))
    mistake = Transfer(ids.new_id(), asha.wallet, "mistake", "send", legs, limited_minor=10_000)
    less = Transfer(ids.new_id(), asha.wallet, "less", "send", (Leg(asha.wallet, -10_000), Leg(baraka.wallet, 10_000)))
    held = holds.reserve(Transfer(ids.new_id(), asha.wallet, "held", "send", legs), clock.now() + timedelta(hours=1))
    async with runtime.database.transaction() as connection:
        abroad = await open_account(connection, owner=asha.id, kind=GOAL, currency="UGX", account_id=uuid4())
        goal = """INSERT INTO goal (
                id, customer_id, name, currency, target, due, rule, rule_amount, rule_next, rule_day, created_at)
            VALUES (:id, :asha, 'UGX', 'UGX', 1, '2099-01-01', 'monthly', 1, '2098-01-01', 1, :now)"""
        await connection.execute(text(goal), {"id": abroad, "asha": asha.id, "now": clock.now()})
        stock = Transfer(
            *(ids.new_id(), asha.wallet, "stock", "stock"),
            (Leg(SystemAccount(TRUST, "UGX"), -1), Leg(SystemAccount(LIQUIDITY, "UGX"), 1)),
        )
        assert all(answer.is_done for answer in await post(connection, [mistake, less, held, stock], "KE"))
    by, second = Staff("njeri"), Staff("otieno")
    await reversals.reverse(runtime.database, mistake.id, country="KE", reason="wrong", requested_by=by, approved_by=second)
    await reversals.reverse(
        runtime.database, less.id, country="KE", reason="wrong", requested_by=by, approved_by=second, as_much_as_there=True
    )
    rate = exchange.Rate(bought=28, sold=1, currency="UGX")
    amount = Money(1_000, "KES")
    await exchange.exchange(
        runtime.database, country="KE", sold_from=asha.wallet, bought_into=abroad, amount=amount, rate=rate, key="exchange"
    )


async def _top_up_and_claim(runtime: Runtime, asha: Customer) -> None:
    agent = await directory.get_by_number(runtime, "200100")
    await floats.buy(runtime, agent, Money(100_000, "KES"), reference="BANK1", by=Staff("njeri"))
    await cash.top_up(runtime, agent=agent, customer_phone=asha.phone, amount=Money(50_000, "KES"), pin=pins.RIGHT, key="top up")
    async with runtime.database.autocommit() as connection:
        claim = """INSERT INTO claim (id, number, policy_id, key, reason, happened, created_at)
            SELECT gen_random_uuid(), 999999, id, 'k', 'x', starts, created_at FROM policy"""
        await connection.execute(text(claim))
    await decisions.approve(runtime, 999_999, Staff("njeri"), Money(5_000, "KES"))


class Flip:
    """One value, changed past the service by the database's owner, and put back."""

    def __init__(self, settings: Settings, column: Column[Any]) -> None:
        self._url = settings.database_url
        self._names = {"table": Identifier(column.table.name), "column": Identifier(column.name)}
        self._flip = SQL(FLIPS[str(column.type.compile(dialect=DIALECT))]).format(self._names["column"], self._names["column"])
        self._order = SQL(ORDER.get(column.table.name, "1"))
        self._before: tuple[Any, Any] | None = None

    def __enter__(self) -> bool:
        """Whether there is a value that could be changed."""
        pick = "SELECT ctid, {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY {order} LIMIT 1"
        with self._owner() as connection:
            row = connection.execute(SQL(pick).format(order=self._order, **self._names)).fetchone()
            if row is not None:
                change = SQL("UPDATE {table} SET {column} = {flip} WHERE ctid = %s RETURNING ctid").format(
                    flip=self._flip, **self._names
                )
                changed = connection.execute(change, [row[0]]).fetchone()
                assert changed is not None
                self._before = changed[0], row[1]
        return row is not None

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            with self._owner() as connection:
                back = SQL("UPDATE {table} SET {column} = %s WHERE ctid = %s").format(**self._names)
                assert connection.execute(back, [self._before[1], self._before[0]]).rowcount == 1

    def _owner(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url, autocommit=True)
        connection.execute("SET session_replication_role = replica")
        return connection


async def test_a_changed_value_is_found_in_whichever_column_it_is(whole: Runtime, settings: Settings) -> None:
    overlooked, empty = set(), set()
    for column in (column for name in MONEY for column in metadata.tables[name].columns):
        with Flip(settings, column) as is_changed:
            if not is_changed:
                empty.add(str(column))
            elif not await broken(whole):
                overlooked.add(str(column))
    assert empty <= NOT_FOUND.keys(), "nothing is there to be changed"
    assert overlooked == NOT_FOUND.keys() - empty
    assert await broken(whole) == set(), "all of it was put back"
