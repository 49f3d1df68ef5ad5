"""Migrations bring a database to what the code expects, and messages that wait meanwhile are kept."""

import re
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, create_engine, text

from core import migrations
from core.db import engine_url
from core.tables import metadata
from gateway.cli.embedded import Servers
from tests import databases

_STRICT = {
    "compare_type": True,
    "compare_server_default": True,
    "include_name": lambda name, kind, _: kind != "table" or not re.search(r"_(?:first|default|p\d{8})$", name),
}
# Everything that PostgreSQL keeps of tables, a line each. Alembic's comparison leaves out checks, the conditions and kinds of
# indexes, and how a table is stored. In which order columns stand is left out here: a migration adds its own at the end. So are
# the periods of a table; `retention/test_periods.py` has them.
_SHAPE = """
    SELECT format('%s is stored %s, %s, %s', t.relname, t.reloptions, pg_get_partkeydef(t.oid),
        obj_description(t.oid, 'pg_class'))
    FROM pg_class t
    WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relnamespace = 'public'::regnamespace
        AND t.relname <> 'alembic_version'
    UNION ALL
    SELECT format('%s.%s %s%s default %s, %s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN ' not null' END, pg_get_expr(d.adbin, d.adrelid), col_description(t.oid, a.attnum))
    FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relnamespace = 'public'::regnamespace
        AND t.relname <> 'alembic_version'
    UNION ALL
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> 'alembic_version' AND NOT t.relispartition
    UNION ALL
    SELECT format('%s on %s: %s', c.conname, c.conrelid::regclass, pg_get_constraintdef(c.oid))
    FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid AND NOT t.relispartition
    WHERE c.connamespace = 'public'::regnamespace AND c.contype <> 'n'
        AND c.conrelid <> coalesce(to_regclass('alembic_version'), 0)"""


def shape(connection: Connection) -> set[str]:
    return set(connection.scalars(text(_SHAPE)))


def expected_shape(connection: Connection) -> set[str]:
    """What the code's tables look like in a database that is made of them at once, without migrations."""
    metadata.create_all(connection)
    return shape(connection)


@pytest.fixture
def empty(servers: Servers, run: str) -> str:
    """A database with nothing in it."""
    return _made(servers, run)


@pytest.fixture
def other(servers: Servers, run: str) -> Iterator[Engine]:
    """A second one, which is gone afterwards: there are no books in it that `tests/after` could prove."""
    url = _made(servers, run)
    made = create_engine(engine_url(url))
    yield made
    made.dispose()
    databases.drop(url)


def _made(servers: Servers, run: str) -> str:
    name = f"{databases.PREFIX}{run}_empty_{uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return databases.url_of(servers.database_url, name)


@pytest.fixture
def engine(empty: str) -> Iterator[Engine]:
    made = create_engine(engine_url(empty))
    yield made
    made.dispose()


def test_the_tables_are_those_that_the_code_expects(empty: str, engine: Engine) -> None:
    migrations.migrate(empty)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=_STRICT), metadata) == []


def test_comments_checks_and_indexes_are_those_that_the_code_says(empty: str, engine: Engine, other: Engine) -> None:
    migrations.migrate(empty)
    with engine.begin() as connection, other.begin() as made_at_once:
        assert shape(connection) == expected_shape(made_at_once)


@pytest.mark.parametrize(
    "forgotten",
    [
        "COMMENT ON COLUMN account.balance IS 'major units'",
        "COMMENT ON TABLE account IS 'the books'",
        "ALTER TABLE posting DROP CONSTRAINT ck_posting_amount",
        "ALTER TABLE account RESET (fillfactor)",
        "ALTER TABLE outbox ALTER status DROP DEFAULT",
        "DROP INDEX uq_customer_phone; CREATE UNIQUE INDEX uq_customer_phone ON customer (phone)",
        "DROP INDEX ix_transfer_xid; CREATE INDEX ix_transfer_xid ON transfer (xid)",
        "DROP INDEX ix_outbox_phone",
        "ALTER TABLE pin DROP CONSTRAINT fk_pin_customer_id",
        "ALTER TABLE chore ADD note text",
        "CREATE TABLE note (id int)",
    ],
)
def test_the_comparison_finds_what_a_migration_forgot(other: Engine, forgotten: str) -> None:
    with other.begin() as connection:
        expected = expected_shape(connection)
        connection.execute(text(forgotten))
        assert shape(connection) != expected


def test_messages_that_waited_before_an_upgrade_wait_after_it(empty: str, engine: Engine) -> None:
    with engine.begin() as connection:
        command.upgrade(migrations.configuration(connection), "0002")
    with engine.begin() as connection:
        waiting = (
            "INSERT INTO outbox (id, phone, language, body, created_at) VALUES (gen_random_uuid(), :phone, 'en', 'x', now())"
        )
        connection.execute(text(waiting), {"phone": "+254711000001"})
    migrations.migrate(empty)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT body, status, kind, priority, attempts FROM outbox")).all()
    assert [tuple(row) for row in rows] == [("x", "queued", "receipt", 2, 0)]
