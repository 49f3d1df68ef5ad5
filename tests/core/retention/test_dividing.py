"""A database with messages gets periods: no message moves or is lost, and whoever writes one meanwhile does."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from core import clock, ids, migrations
from core.migrations import rights
from core.migrations.rights import Right, read_grant
from gateway.cli.embedded import Servers
from tests import databases

WRITE = "INSERT INTO outbox (id, phone, language, body, created_at) VALUES (%s, '+2547', 'en', 'x', %s)"
# With an attempt of it: its own id, its phone, its moment, the attempt's id.
LATE = """
    WITH message AS (
        INSERT INTO outbox (id, phone, language, body, created_at) VALUES (%s, %s, 'en', 'x', %s) RETURNING id, phone, created_at)
    INSERT INTO sms_attempt (id, outbox_id, number, phone, provider, parts, begun_at)
    SELECT %s, id, 1, phone, 'x', 1, created_at FROM message"""
# `%s`: the oldest moment, and how many days.
OLD_MESSAGES = """
    WITH message AS (
        INSERT INTO outbox (id, phone, language, body, status, created_at)
        SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substring(md5(moment::text) FOR 3)
            || '8' || substring(md5(moment::text) FOR 15))::uuid, '+254711000001', 'en', 'x', 'sent', moment
        FROM (SELECT %s::timestamptz + day * interval '1 day' FROM generate_series(1, %s) AS day) AS moments (moment)
        RETURNING id, created_at)
    INSERT INTO sms_attempt (id, outbox_id, number, phone, provider, parts, begun_at)
    SELECT gen_random_uuid(), id, 1, '+254711000001', 'x', 1, created_at FROM message"""


def _rights_in(statement: str, tables: list[str]) -> list[Right]:
    """Those that a statement gives in the tables that there are: versions to come have more."""
    return [
        right
        for right in read_grant(statement, tables)
        if not right.target.startswith("TABLE ") or right.target.removeprefix("TABLE ") in tables
    ]


@pytest.fixture
def before_periods(servers: Servers, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of the version before, with messages of two years and an attempt of each."""
    name = f"{databases.PREFIX}{run}_undivided_{uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    url = databases.url_of(servers.database_url, name)
    versions = tmp_path / "before"
    shutil.copytree(migrations.VERSIONS, versions, ignore=lambda _, names: [name for name in names if not name < "0011"])
    with monkeypatch.context() as patched:
        patched.setattr(rights, "read_grant", _rights_in)
        migrations.migrate(url, versions=versions)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLD_MESSAGES, [datetime.now(UTC) - timedelta(days=700), 700])
    yield url
    databases.drop(url)


def rows_of(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT o.*, a.* FROM outbox o JOIN sms_attempt a ON a.outbox_id = o.id ORDER BY o.id"
        ).fetchall()


def place(url: str, moment: datetime) -> str:
    """The table into which a message of the moment goes."""
    with psycopg.connect(url) as connection:
        written = connection.execute(
            f"{WRITE} RETURNING tableoid::regclass".encode(),
            [ids.first_at(moment), moment],
        ).fetchone()
        connection.rollback()
    assert written is not None
    return str(written[0])


def _migrate_and_kill(url: str, statement_of_its_end: str) -> None:
    """A run that loses its connection before the statement, and so does none of the rest of that transaction."""

    def kill(_: object, cursor: psycopg.Cursor, statement: str, *__: object) -> None:
        if statement_of_its_end in statement:
            cursor.connection.close()

    event.listen(Engine, "before_cursor_execute", kill)
    try:
        with pytest.raises(SQLAlchemyError):
            migrations.migrate(url)
    finally:
        event.remove(Engine, "before_cursor_execute", kill)


def test_messages_from_before_the_periods_are_in_the_first_one_and_new_ones_have_a_place_at_any_time(before_periods: str) -> None:
    before = rows_of(before_periods)
    migrations.migrate(before_periods)
    assert rows_of(before_periods) == before
    assert len(before) == 700
    now = datetime.now(UTC)
    days = (-4000, -1, 0, 30, 400)
    places = [place(before_periods, now + timedelta(days=day)) for day in days]
    assert places == [*["outbox_first"] * 4, "outbox_default"]


@pytest.mark.parametrize("last", ["{:0>12x}-7000-8000-000000000000", "ffffffffffff-4fff-bfff-ffffffffffff"])
def test_messages_of_a_clock_that_was_a_year_ahead_are_in_the_first_period_too(before_periods: str, last: str) -> None:
    year_ahead = datetime.now(UTC) + timedelta(days=365)
    last_id = UUID(last.format(int(year_ahead.timestamp() * 1000)).replace("-", ""))
    with psycopg.connect(before_periods, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO outbox (id, phone, language, body, created_at) VALUES (%s, '+2547', 'en', 'x', %s)",
            [last_id, year_ahead],
        )
    migrations.migrate(before_periods)
    assert place(before_periods, year_ahead - timedelta(days=1)) == "outbox_first"
    with psycopg.connect(before_periods) as connection:
        assert connection.execute("SELECT tableoid::regclass::text FROM outbox WHERE id = %s", [last_id]).fetchone() == (
            "outbox_first",
        )


@pytest.mark.parametrize(
    "killed_at",
    [
        "ALTER TABLE outbox VALIDATE",
        "ALTER TABLE sms_attempt VALIDATE",
        "ALTER TABLE outbox RENAME",
        "CREATE TABLE sms_attempt_default",
        "DO $$",
    ],
)
def test_a_division_into_periods_that_was_killed_lets_messages_be_written_and_is_done_by_the_next_run(
    before_periods: str, killed_at: str
) -> None:
    before = rows_of(before_periods)
    _migrate_and_kill(before_periods, killed_at)
    assert place(before_periods, datetime.now(UTC) + timedelta(days=30)) == "outbox"
    assert rows_of(before_periods) == before
    migrations.migrate(before_periods)
    assert place(before_periods, datetime.now(UTC) + timedelta(days=30)) == "outbox_first"
    assert rows_of(before_periods) == before


def test_a_division_that_was_killed_and_is_not_repeated_refuses_no_message_however_late(before_periods: str) -> None:
    _migrate_and_kill(before_periods, "ALTER TABLE outbox RENAME")
    later = datetime.now(UTC) + timedelta(days=100)
    phones = ("+254711000002", "+254711000003")
    with psycopg.connect(before_periods) as connection, clock.at(later):
        connection.execute("SET ROLE jasho_app")
        for phone in phones:
            connection.execute(LATE, [ids.new_id(), phone, later, uuid4()])
        connection.execute("RESET ROLE")
    migrations.migrate(before_periods)
    with psycopg.connect(before_periods) as connection:
        rows = connection.execute(
            "SELECT o.phone, o.created_at FROM outbox o JOIN sms_attempt a ON a.outbox_id = o.id"
            " WHERE o.phone = ANY(%s) ORDER BY 1",
            [list(phones)],
        ).fetchall()
        left = connection.execute(
            "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = 'outbox_first'::regclass"
            " UNION SELECT proname FROM pg_proc WHERE proname = 'outbox_first_period'"
            " UNION SELECT conname FROM pg_constraint WHERE conname LIKE '%first_period'"
        ).fetchall()
    assert rows == [(phone, later) for phone in phones]
    assert left == []


def test_an_operators_own_login_may_read_what_it_might_before(before_periods: str) -> None:
    login = f"reader_{uuid4().hex[:12]}"
    with psycopg.connect(before_periods, autocommit=True) as owner:
        for statement in (
            "CREATE ROLE {}",
            "GRANT SELECT ON outbox TO {} WITH GRANT OPTION",
            "GRANT SELECT (id, parts) ON sms_attempt TO {}",
        ):
            owner.execute(SQL(statement).format(Identifier(login)))
        try:
            migrations.migrate(before_periods)
            owner.execute(SQL("SET ROLE {}").format(Identifier(login)))
            assert owner.execute("SELECT count(*) FROM outbox").fetchone() == (700,)
            assert owner.execute("SELECT sum(parts) FROM sms_attempt").fetchone() == (700,)
            owner.execute("GRANT SELECT ON outbox TO jasho_app")
            owner.execute("RESET ROLE")
        finally:
            owner.execute("RESET ROLE")
            owner.execute(SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(Identifier(login)))


def test_a_view_of_an_operators_own_is_named_before_anything_is_done(before_periods: str) -> None:
    """Afterwards it would show messages of the first days only, and keep these from ever being dropped."""
    with psycopg.connect(before_periods, autocommit=True) as owner:
        owner.execute("CREATE VIEW sent_today AS SELECT id FROM outbox")
    with pytest.raises(SQLAlchemyError, match="make them again afterwards: sent_today"):
        migrations.migrate(before_periods)
    with psycopg.connect(before_periods, autocommit=True) as owner:
        assert owner.execute("SELECT count(*) FROM pg_constraint WHERE conname LIKE '%first_period'").fetchone() == (0,)
        owner.execute("DROP VIEW sent_today")
    migrations.migrate(before_periods)
    assert len(rows_of(before_periods)) == 700


def test_no_row_moves_and_no_index_is_built_anew_while_everybody_is_kept_out(before_periods: str) -> None:
    def files(tables: str) -> set[tuple[int]]:
        with psycopg.connect(before_periods) as connection:
            return set(
                connection.execute(
                    "SELECT relfilenode FROM pg_class c WHERE c.oid = ANY(%(tables)s::regclass[]) OR c.oid IN"
                    " (SELECT indexrelid FROM pg_index WHERE indrelid = ANY(%(tables)s::regclass[]))",
                    {"tables": tables},
                ).fetchall()
            )

    before = files("{outbox, sms_attempt}")
    migrations.migrate(before_periods)
    assert files("{outbox_first, sms_attempt_first}") == before
    assert len(before) == 11
