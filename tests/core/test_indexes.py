"""An index on a table in use is built beside its writers, and one that a killed run has left half built is built again."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from core import migrations
from core.runtime import Runtime
from core.settings import Settings
from tests.core.ledger.shop import Shop, payment
from tests.core.scratch import NUMBER, add_version, versions_with

BUILD = "build_concurrently('ix_transfer_scratch', 'transfer', ['kind', 'id'], unique=True, where='xid IS NOT NULL')"


def is_valid(settings: Settings) -> bool | None:
    """None where there is no such index."""
    with psycopg.connect(settings.database_url) as connection:
        query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_transfer_scratch')"
        row = connection.execute(query).fetchone()
    return None if row is None else bool(row[0])


async def builder(settings: Settings) -> int:
    """The process of the server that builds an index and waits for somebody's transaction."""
    query = (
        "SELECT pid FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase LIKE 'waiting for writers%'"
    )
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as connection:
        while (row := await (await connection.execute(query)).fetchone()) is None:
            pass
    return int(row[0])


async def test_posts_go_on_beside_an_index_that_is_built_and_a_killed_build_is_begun_again(
    settings: Settings, runtime: Runtime, tmp_path: Path
) -> None:
    versions = versions_with(tmp_path, BUILD)
    shop = Shop(runtime)
    payer, payee = await shop.person(10_000), await shop.person()
    with psycopg.connect(settings.database_url) as writer:
        writer.execute("LOCK TABLE transfer IN ROW EXCLUSIVE MODE")
        migration = asyncio.create_task(asyncio.to_thread(migrations.migrate, settings.database_url, versions=versions))
        pid = await builder(settings)
        assert [await shop.outcome_together(payment(payer, payee, 1)) for _ in range(20)] == ["posted"] * 20
        writer.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(OperationalError, match="administrator command"):
            await migration
    assert is_valid(settings) is False
    assert migrations.migrate(settings.database_url, versions=versions) == NUMBER
    assert is_valid(settings) is True


def test_a_second_run_leaves_a_built_index_and_the_next_version_waits_for_locks_as_briefly_as_ever(
    settings: Settings, tmp_path: Path
) -> None:
    versions = versions_with(tmp_path, f"{BUILD}\n{BUILD}")
    check = (
        "IF current_setting('lock_timeout') <> '1200ms' THEN RAISE EXCEPTION 'it is %', current_setting('lock_timeout'); END IF"
    )
    add_version(versions, "9001", NUMBER, f'op.execute("DO $$ BEGIN {check}; END $$")', NUMBER)
    assert migrations.migrate(settings.database_url, versions=versions) == "9001"
    assert is_valid(settings) is True
