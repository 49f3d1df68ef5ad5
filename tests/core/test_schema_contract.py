"""A release starts on its own schema or a later one that still fits it, and on no other."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from core import migrations
from core.db import SCHEMA, Database
from core.migrations import contract
from core.migrations.contract import Contract
from core.settings import Settings
from tests.core.scratch import NUMBER, add_version, versions_with

EXPAND = "op.add_column('goal', sa.Column('note', sa.Text(), nullable=True))"


def read(settings: Settings) -> tuple[Contract, str | None]:
    """What the database says of itself, and what this code says to it."""
    with migrations.connected(settings.database_url) as connection:
        return contract.read(connection), migrations.find_obstacle(connection)


@pytest.mark.parametrize(
    ("oldest", "complete", "code", "word"),
    [
        ("0004", "0005", "0005", None),
        ("0004", "0009", "0005", None),
        ("0005", "0009", "0005", None),
        ("0006", "0009", "0005", "start a newer release"),
        ("0004", "0005", "0006", "jasho migrate"),
        ("0004", None, "0005", "jasho migrate"),
        ("0000", None, "0005", "jasho migrate"),
    ],
)
def test_a_release_starts_where_the_schema_has_what_it_needs_and_still_allows_it(
    oldest: str, complete: str | None, code: str, word: str | None
) -> None:
    obstacle = Contract(oldest, complete).obstacle(code)
    assert obstacle is None if word is None else word in str(obstacle)


def test_a_migrated_database_fits_the_code_that_migrated_it(settings: Settings) -> None:
    present, obstacle = read(settings)
    assert (present.complete, obstacle) == (migrations.newest(), None)


def test_the_release_before_may_run_and_migrate_again_after_an_expansion_and_leaves_the_newer_functions_alone(
    settings: Settings, tmp_path: Path
) -> None:
    assert migrations.migrate(settings.database_url, versions=versions_with(tmp_path, EXPAND)) == NUMBER
    assert read(settings) == (Contract(oldest=migrations.newest(), complete=NUMBER), None)
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("ALTER FUNCTION money_text SET work_mem = '5MB'")
    assert migrations.migrate(settings.database_url) == NUMBER
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT proconfig FROM pg_proc WHERE proname = 'money_text'").fetchone() == (["work_mem=5MB"],)


def test_the_release_before_neither_runs_nor_migrates_after_a_contraction(settings: Settings, tmp_path: Path) -> None:
    migrations.migrate(settings.database_url, versions=versions_with(tmp_path, "op.drop_column('goal', 'rule')", NUMBER))
    found, obstacle = read(settings)
    assert found == Contract(oldest=NUMBER, complete=NUMBER)
    assert "start a newer release" in str(obstacle)
    with pytest.raises(migrations.TooNew, match="start a newer release"):
        migrations.migrate(settings.database_url)


def test_a_migration_that_stops_after_its_versions_keeps_the_new_release_from_starting(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrations, "_PAUSES_SECONDS", ())
    newest = migrations.newest()
    versions = versions_with(tmp_path, EXPAND)
    with psycopg.connect(settings.database_url) as other:
        other.execute("DROP TRIGGER append_only ON seal")
        other.commit()
        other.execute("LOCK TABLE seal IN ROW EXCLUSIVE MODE")
        with pytest.raises(migrations.Blocked):
            migrations.migrate(settings.database_url, versions=versions)
    stopped, obstacle = read(settings)
    assert (stopped, obstacle) == (Contract(oldest=newest, complete=newest), None)
    assert "jasho migrate" in str(stopped.obstacle(NUMBER))
    migrations.migrate(settings.database_url, versions=versions)
    assert read(settings)[0].obstacle(NUMBER) is None


def test_what_a_contraction_has_taken_away_no_later_version_gives_back(settings: Settings, tmp_path: Path) -> None:
    versions = versions_with(tmp_path, "op.drop_column('goal', 'rule')", NUMBER)
    add_version(versions, "9001", NUMBER, EXPAND, "0005")
    migrations.migrate(settings.database_url, versions=versions)
    assert read(settings)[0] == Contract(oldest=NUMBER, complete="9001")


def test_a_contract_that_somebody_has_deleted_is_made_again_and_lets_no_older_release_in(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("DELETE FROM schema_contract")
    migrations.migrate(settings.database_url)
    newest = migrations.newest()
    assert read(settings) == (Contract(oldest=newest, complete=newest), None)


async def test_a_contraction_waits_until_no_older_process_has_a_connection(settings: Settings, tmp_path: Path) -> None:
    versions = versions_with(tmp_path, "op.drop_column('goal', 'rule')", NUMBER)
    database = Database(settings.database_url)
    async with database.autocommit() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(
            migrations.AtWork, match=rf"code at {migrations.newest()} \(a connection from this machine\) is at work"
        ):
            migrations.migrate(settings.database_url, versions=versions)
    await database.close()
    assert read(settings) == (Contract(oldest="0004", complete=migrations.newest()), None)
    assert migrations.migrate(settings.database_url, versions=versions) == NUMBER


@pytest.mark.parametrize("version", ["0.1.0", f"0.1.0, schema {SCHEMA}"])
def test_a_contraction_waits_until_no_older_worker_beats(settings: Settings, tmp_path: Path, version: str) -> None:
    versions = versions_with(tmp_path, "op.drop_column('goal', 'rule')", NUMBER)
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("INSERT INTO heartbeat VALUES (gen_random_uuid(), 'host-7', %s, now(), now())", [version])
    with pytest.raises(migrations.AtWork, match="a worker on host-7"):
        migrations.migrate(settings.database_url, versions=versions)
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE heartbeat SET beat_at = now() - interval '1 minute'")
    assert migrations.migrate(settings.database_url, versions=versions) == NUMBER


async def test_an_expansion_asks_nobody_to_stop(settings: Settings, tmp_path: Path) -> None:
    database = Database(settings.database_url)
    async with database.autocommit() as connection:
        await connection.execute(text("SELECT 1"))
        assert migrations.migrate(settings.database_url, versions=versions_with(tmp_path, EXPAND)) == NUMBER
    await database.close()


def test_the_version_that_a_process_names_is_that_of_its_code() -> None:
    assert migrations.newest() == SCHEMA
