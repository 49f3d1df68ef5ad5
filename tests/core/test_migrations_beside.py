"""A migration beside a service that is at work: it waits for nobody for long, and nobody waits for it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import psycopg
import pytest

from core import migrations
from core.db import APPLICATION_ROLE
from core.ledger.post import post
from core.migrations import rights
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli import schema
from gateway.cli.command import Failure
from tests import databases
from tests.core.ledger.shop import COUNTRY, Shop, payment

JOURNAL = "account, transfer, posting, hold_leg, open_hold, reversal, exchange, seal, outbox"
OVERLOAD = "CREATE FUNCTION ledger_post(p_at timestamptz) RETURNS int LANGUAGE sql AS 'SELECT 1'"


def never(_: float) -> NoReturn:
    pytest.fail("it met a lock")


@contextmanager
def locked(settings: Settings, tables: str, mode: str) -> Iterator[psycopg.Connection]:
    """Somebody else's transaction, open until the block ends or it is rolled back."""
    with psycopg.connect(settings.database_url) as other:
        other.execute(f"LOCK TABLE {tables} IN {mode} MODE".encode())
        yield other
        other.rollback()


def change(settings: Settings, statement: str) -> None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def answer(settings: Settings, query: str) -> object:
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrations, "_PAUSES_SECONDS", (0.5, 1.0))


def test_a_migration_with_nothing_to_do_locks_nothing_that_a_writer_or_a_vacuum_needs(settings: Settings) -> None:
    pauses: list[float] = []
    with locked(settings, JOURNAL, "EXCLUSIVE"):
        migrations.migrate(settings.database_url, rest=pauses.append)
    assert pauses == []


async def test_posts_go_on_beside_a_migration_beside_an_open_writer(settings: Settings, runtime: Runtime) -> None:
    shop = Shop(runtime)
    payer, payee, slow_payer, slow_payee = [await shop.person(10_000) for _ in range(4)]
    with locked(settings, "account", "ROW EXCLUSIVE"):
        async with runtime.database.transaction() as connection:
            await post(connection, [payment(slow_payer, slow_payee, 100)], COUNTRY)
            migration = asyncio.create_task(asyncio.to_thread(migrations.migrate, settings.database_url, rest=never))
            outcomes = [await shop.outcome_together(payment(payer, payee, 1)) for _ in range(20)]
            await migration
            outcomes.append(await shop.outcome_together(payment(payer, payee, 1)))
    assert outcomes == ["posted"] * 21
    assert [await shop.balance(wallet) for wallet in (payer, payee, slow_payee)] == [9_979, 10_021, 10_100]


@pytest.mark.parametrize(
    ("damage", "holds"),
    [
        (
            "CREATE OR REPLACE FUNCTION money_text(minor bigint, currency text) RETURNS text LANGUAGE sql AS 'SELECT 1'",
            "SELECT money_text(100, 'KES') = 'KES 1'",
        ),
        (
            "ALTER FUNCTION ledger_seal SECURITY INVOKER",
            "SELECT prosecdef FROM pg_proc WHERE proname = 'ledger_seal'",
        ),
        ("DROP FUNCTION ledger_digest", "SELECT to_regproc('ledger_digest') IS NOT NULL"),
        ("DROP TRIGGER append_only ON seal", "SELECT count(*) = 7 FROM pg_trigger WHERE tgname = 'append_only'"),
        (
            "ALTER TABLE seal DISABLE TRIGGER append_only",
            "SELECT tgenabled = 'O' FROM pg_trigger WHERE tgname = 'append_only' AND tgrelid = 'seal'::regclass",
        ),
        (
            f"REVOKE INSERT ON customer FROM {APPLICATION_ROLE}",
            f"SELECT has_table_privilege('{APPLICATION_ROLE}', 'customer', 'INSERT')",
        ),
        (
            f"GRANT UPDATE ON posting TO {APPLICATION_ROLE}",
            f"SELECT NOT has_table_privilege('{APPLICATION_ROLE}', 'posting', 'UPDATE')",
        ),
        (
            f"GRANT UPDATE (balance) ON account TO {APPLICATION_ROLE}",
            f"SELECT NOT has_column_privilege('{APPLICATION_ROLE}', 'account', 'balance', 'UPDATE')",
        ),
        (
            f"GRANT INSERT ON account TO {APPLICATION_ROLE}",
            f"SELECT NOT has_column_privilege('{APPLICATION_ROLE}', 'account', 'balance', 'INSERT')",
        ),
        (
            f"GRANT UPDATE ON account TO {APPLICATION_ROLE}; REVOKE UPDATE ON account FROM {APPLICATION_ROLE}",
            f"SELECT has_column_privilege('{APPLICATION_ROLE}', 'account', 'status', 'UPDATE')",
        ),
        # What somebody else may do is not the application's right.
        (
            f"REVOKE INSERT ON customer FROM {APPLICATION_ROLE}; GRANT INSERT ON customer TO pg_monitor",
            f"SELECT has_table_privilege('{APPLICATION_ROLE}', 'customer', 'INSERT')",
        ),
        (
            f"REVOKE UPDATE (status) ON account FROM {APPLICATION_ROLE}; GRANT UPDATE (status) ON account TO pg_monitor",
            f"SELECT has_column_privilege('{APPLICATION_ROLE}', 'account', 'status', 'UPDATE')",
        ),
        (
            f"REVOKE EXECUTE ON FUNCTION money_text FROM {APPLICATION_ROLE}; GRANT EXECUTE ON FUNCTION money_text TO pg_monitor",
            f"SELECT has_function_privilege('{APPLICATION_ROLE}', 'money_text(bigint, text)', 'EXECUTE')",
        ),
        (
            f"REVOKE USAGE ON SCHEMA public FROM {APPLICATION_ROLE}, PUBLIC; GRANT USAGE ON SCHEMA public TO pg_monitor",
            f"SELECT has_schema_privilege('{APPLICATION_ROLE}', 'public', 'USAGE')",
        ),
        (
            "GRANT EXECUTE ON FUNCTION ledger_leaf TO PUBLIC",
            "SELECT proacl::text NOT LIKE '%{=X%' AND proacl::text NOT LIKE '%,=X%' FROM pg_proc WHERE proname = 'ledger_leaf'",
        ),
        ("DELETE FROM account WHERE owner IS NULL", "SELECT count(*) > 0 FROM account WHERE owner IS NULL"),
    ],
)
def test_what_differs_from_the_code_is_put_right(settings: Settings, damage: str, holds: str) -> None:
    change(settings, f"SET session_replication_role = replica; {damage}")
    assert answer(settings, holds) is False
    migrations.migrate(settings.database_url)
    assert answer(settings, holds) is True
    databases.drop(settings.database_url)


async def test_a_second_ledger_post_leaves_the_first_ones_grant_alone(settings: Settings, runtime: Runtime) -> None:
    change(settings, OVERLOAD)
    migrations.migrate(settings.database_url)
    shop = Shop(runtime)
    payer, payee = await shop.person(10_000), await shop.person()
    assert await shop.outcome_together(payment(payer, payee, 1)) == "posted"


def test_two_versions_of_a_function_are_granted_side_by_side(settings: Settings, tmp_path: Path) -> None:
    change(settings, OVERLOAD)
    both = tmp_path / "grants.sql"
    both.write_text(f"{rights.FILE.read_text()}\nGRANT EXECUTE ON FUNCTION ledger_post(timestamptz) TO {APPLICATION_ROLE};\n")
    with migrations.connected(settings.database_url) as connection, connection.begin():
        rights.align(connection, both)
    may = f"has_function_privilege('{APPLICATION_ROLE}', oid, 'EXECUTE')"
    assert answer(settings, f"SELECT count(*) FROM pg_proc WHERE proname = 'ledger_post' AND {may}") == 2


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT INSERT ON customer TO somebody",
        "REVOKE INSERT ON customer FROM jasho_app",
        "GRANT INSERT ON customer TO jasho_app, x",
    ],
)
def test_a_grant_that_cannot_be_compared_is_refused(statement: str) -> None:
    with pytest.raises(ValueError, match=r"grants\.sql"):
        rights.read_grant(statement, tables=[])


@pytest.mark.usefixtures("hurried")
async def test_a_lock_that_stays_ends_a_migration_in_one_sentence_and_posts_go_on_between_its_tries(
    settings: Settings, runtime: Runtime
) -> None:
    shop = Shop(runtime)
    payer, payee = await shop.person(10_000), await shop.person()
    change(settings, "DROP TRIGGER append_only ON transfer")
    loop = asyncio.get_running_loop()
    pauses, outcomes = [], []

    def rest(seconds: float) -> None:
        pauses.append(seconds)
        outcomes.append(_post(loop, shop, payer, payee))

    with locked(settings, "transfer", "ROW EXCLUSIVE"), pytest.raises(migrations.Blocked, match="3 times") as blocked:
        await asyncio.to_thread(migrations.migrate, settings.database_url, rest=rest)
    assert "CREATE OR REPLACE TRIGGER append_only" in str(blocked.value)
    assert (pauses, outcomes) == ([0.5, 1.0], ["posted", "posted"])


def _post(loop: asyncio.AbstractEventLoop, shop: Shop, payer: UUID, payee: UUID) -> str:
    return asyncio.run_coroutine_threadsafe(shop.outcome_together(payment(payer, payee, 1)), loop).result()


@pytest.mark.usefixtures("hurried")
def test_a_lock_that_goes_lets_the_next_try_through(settings: Settings) -> None:
    change(settings, "DROP TRIGGER append_only ON transfer")
    with locked(settings, "transfer", "ROW EXCLUSIVE") as other:
        migrations.migrate(settings.database_url, rest=lambda _: other.rollback())
    assert answer(settings, "SELECT count(*) FROM pg_trigger WHERE tgname = 'append_only'") == 7


@pytest.mark.race("core/migrations/__init__.py:_take_turn")
@pytest.mark.usefixtures("hurried")
def test_an_operator_reads_that_another_migration_is_at_work(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_PAUSES_SECONDS", ())
    with psycopg.connect(settings.database_url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [migrations._TURN])
        with pytest.raises(Failure, match="another migration is at work"):
            schema.migrate(settings)


def test_taking_back_a_right_in_a_whole_table_leaves_those_in_its_columns(settings: Settings) -> None:
    change(settings, f"GRANT INSERT ON account TO {APPLICATION_ROLE}")
    migrations.migrate(settings.database_url)
    assert answer(settings, f"SELECT has_column_privilege('{APPLICATION_ROLE}', 'account', 'id', 'INSERT')") is True
