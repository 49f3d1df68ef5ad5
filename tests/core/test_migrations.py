"""Migrations bring a database to what the code expects, and messages that wait meanwhile are kept."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, create_engine, text

from core import migrations
from core.db import engine_url
from core.tables import metadata
from gateway.cli.embedded import Servers
from tests import databases

_STRICT = {"compare_type": True, "compare_server_default": True}


@pytest.fixture
def empty(servers: Servers, run: str) -> str:
    """A database with nothing in it."""
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
