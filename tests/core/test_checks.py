"""`jasho ledger verify` finds a row of a family that does not agree with the ledger: each check, by what it is there for."""

from collections.abc import AsyncIterator
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from core import clock
from core.customers import profiles
from core.features import CHECKS
from core.insurance import covers
from core.jobs import hiring, market
from core.ledger import audit
from core.money import Money
from core.payments import handover, requests
from core.runtime import Runtime
from core.savings import opening
from core.sending import invitations
from core.settings import Settings
from tests import databases, pins

NOBODY = "00000000-0000-4000-8000-000000000000"
ASHA, BARAKA = "+254711000001", "+254722000002"


async def broken(runtime: Runtime) -> set[str]:
    """The names of the checks that find something."""
    return {name for name, _ in (await audit.verify(runtime.database, checks=CHECKS)).findings}


def damage(settings: Settings, statement: str) -> None:
    """Changes a row past the service, as the database's owner."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.encode()).rowcount > 0, "nothing was damaged"


@pytest.fixture
async def busy(runtime: Runtime, settings: Settings) -> AsyncIterator[Runtime]:
    """A service in which every family has something under way, and whose books hold."""
    asha, baraka = await profiles.find(runtime, ASHA), await profiles.find(runtime, BARAKA)
    assert asha is not None
    assert baraka is not None
    rail = next(iter(runtime.rails.values()))
    assert rail.kind == "mpesa"
    await invitations.send(runtime, sender=asha, phone="+254733999999", amount=Money(10_000, "KES"), pin=pins.RIGHT, key="invite")
    await requests.withdraw(runtime, asha, Money(20_000, "KES"), pin=pins.RIGHT, key="out")
    await requests.deposit(runtime, asha, Money(30_000, "KES"), key="in")
    await handover.ask(runtime)
    deposit = await one(runtime, "SELECT id FROM payment WHERE direction = 'in'")
    await requests.report(runtime, UUID(str(deposit)), paid=True)
    await covers.buy(runtime, asha, covers.list_offers(runtime)[0].product.key, pins.RIGHT, "cover")
    await opening.open_goal(runtime, asha, name="Cow", target=Money(100_000, "KES"), key="goal")
    [job] = await market.list_posted(runtime, baraka)
    async with runtime.database.transaction() as connection:
        await connection.execute(
            text("INSERT INTO application (job_id, worker_id, created_at, changed_at) VALUES (:job, :worker, :now, :now)"),
            {"job": job.id, "worker": asha.id, "now": clock.now()},
        )
    await hiring.hire(runtime, baraka, job.id, asha.id, pins.RIGHT, "hire")
    assert await broken(runtime) == set()
    yield runtime
    databases.drop(settings.database_url)


async def one(runtime: Runtime, query: str) -> object:
    async with runtime.database.autocommit() as connection:
        return await connection.scalar(text(query))


@pytest.mark.parametrize(
    ("statement", "finds"),
    [
        ("UPDATE invitation SET amount = amount + 1", "what is unclaimed"),
        ("UPDATE invitation SET status = 'credited'", "what is unclaimed"),
        ("UPDATE invitation SET fee = fee + 1", "what waits for somebody"),
        ("UPDATE payment SET status = 'paid' WHERE direction = 'out'", "a payment out holds"),
        ("UPDATE payment SET amount = amount + 1 WHERE direction = 'out'", "a payment out keeps"),
        ("UPDATE payment SET status = 'refused' WHERE direction = 'out'", "a payment out that is paid, or is not"),
        ("UPDATE payment SET amount = amount + 1 WHERE direction = 'in'", "a payment in brought"),
        ("UPDATE payment SET fee = 1 WHERE direction = 'in'", "a payment goes in, or out"),
        (f"UPDATE account SET owner = '{NOBODY}' WHERE kind = 'wallet'", "a person's account is"),
        ("UPDATE account SET tier = 'unverified' WHERE kind = 'wallet'", "a person's account is"),
        ("UPDATE account SET status = 'closed' WHERE kind = 'wallet'", "a closed account is"),
        ("UPDATE account SET kind = 'goal' WHERE kind = 'wallet'", "a customer has one"),
        (
            """INSERT INTO agent_day (agent_id, customer_id, day, deposited, commission)
            SELECT agent.customer_id, customer.id, current_date, 100, 0 FROM agent, customer""",
            "what a customer brought",
        ),
        (f"INSERT INTO float_trade VALUES ('{NOBODY}', 'float_buy', 'BANK', 'x')", "float that was bought"),
        ("UPDATE job SET worker_id = employer_id WHERE worker_id IS NOT NULL", "a job's pay goes"),
        ("UPDATE payment SET status = 'refused' WHERE direction = 'in'", "a payment in is"),
        ("UPDATE job SET pay = pay + 1 WHERE escrow IS NOT NULL", "a job's escrow"),
        ("UPDATE job SET status = 'paid' WHERE escrow IS NOT NULL", "a job's escrow"),
        ("UPDATE job SET escrow = NULL WHERE escrow IS NOT NULL", "an escrow account"),
        ("UPDATE goal SET status = 'closed' WHERE name <> 'Cow'", "a goal has"),
        (f"UPDATE account SET owner = '{NOBODY}' WHERE kind = 'goal'", "a goal has"),
        (f"UPDATE policy SET transfer_id = '{NOBODY}'", "a cover was"),
        ("UPDATE policy SET price = price + 1", "a cover was"),
        (
            """INSERT INTO claim (id, number, policy_id, key, reason, happened, status, paid, created_at)
            SELECT gen_random_uuid(), 999999, id, 'k', 'x', starts, 'paid', cover + 1, created_at FROM policy""",
            "a claim is on a cover",
        ),
        (
            """INSERT INTO claim (id, number, policy_id, key, reason, happened, status, paid, created_at)
            SELECT gen_random_uuid(), 999999, id, 'k', 'x', starts, 'paid', 100, created_at FROM policy""",
            "a claim is",
        ),
    ],
)
async def test_a_row_that_does_not_agree_with_the_ledger_is_found(
    busy: Runtime, settings: Settings, statement: str, finds: str
) -> None:
    damage(settings, statement)
    assert any(name.startswith(finds) for name in await broken(busy)), await broken(busy)


def test_every_check_is_tried_above() -> None:
    [mark] = [
        mark
        for mark in test_a_row_that_does_not_agree_with_the_ledger_is_found.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]
    tried = {finds for _, finds in mark.args[1]}
    assert [name for name in CHECKS if not any(name.startswith(finds) for finds in tried)] == []
