"""Databases for tests: one template with the demo people in it, and as many copies as tests want."""

import asyncio
import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from core import demo, migrations
from core.ledger.seal import seal
from core.settings import Settings
from gateway import wiring

PREFIX = "jasho_test_"
_TURN = 7_000


def url_of(server_url: str, name: str) -> str:
    """The address of another database of the same server."""
    return server_url.replace("/postgres?", f"/{name}?", 1)


def hurry(server_url: str) -> None:
    """Lets the suite's own server leave the disk to its leisure. What survives a crash is tested on servers of their own.

    Autovacuum would look through hundreds of databases, ten a second, of which each lives for one test.
    """
    with psycopg.connect(make_conninfo(server_url), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "autovacuum"):
            connection.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


def template(server_url: str, run: str) -> str:
    """The name of the run's template; the first process of the run makes it, and drops what earlier runs have left."""
    name = f"{PREFIX}{run}_template"
    with psycopg.connect(make_conninfo(server_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_TURN])
        names = [row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])]
        if name in names:
            return name
        for old in names:
            if _has_ended(connection, old.removeprefix(PREFIX).split("_")[0]):
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(old)))
        _pass_the_pins(connection)
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(f"{name}_made")))
        migrations.migrate(url_of(server_url, f"{name}_made"))
        asyncio.run(_load_demo(url_of(server_url, f"{name}_made")))
        connection.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(f"{name}_made"), Identifier(name)))
    return name


def _pass_the_pins(connection: psycopg.Connection) -> None:
    """Uses up a young server's first transaction numbers: rows keep them, and one could read like a PIN to `tests/after`."""
    connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS burnt (number int)")
    connection.execute(
        """DO $$ BEGIN
            IF pg_current_xact_id()::text::bigint < 10000 THEN
                FOR number IN 1 .. 10000 LOOP
                    BEGIN INSERT INTO burnt VALUES (1); EXCEPTION WHEN division_by_zero THEN NULL; END;
                END LOOP;
            END IF;
        END $$"""
    )


@contextmanager
def running(server_url: str, run: str) -> Iterator[None]:
    """Says, for as long as the block lasts, that the run goes on: another one beside it leaves its databases alone."""
    with psycopg.connect(make_conninfo(server_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock_shared(hashtext(%s))", [run])
        yield


def forget_ids(database_url: str) -> None:
    """Takes the demo people's ID numbers, which are sealed with the suite's key, and the limits that they proved by them."""
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE customer SET national_id = NULL")
        connection.execute("UPDATE account SET tier = 'unverified' WHERE tier = 'verified'")


def drop(database_url: str) -> None:
    """Takes away a copy that a test has damaged on purpose."""
    name = make_url(database_url).database
    assert name is not None
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _has_ended(connection: psycopg.Connection, run: str) -> bool:
    row = connection.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [run]).fetchone()
    return row == (True,)


def copy(server_url: str, template_name: str) -> str:
    """The address of a fresh copy of the template."""
    name = f"{template_name.removesuffix('_template')}_{uuid4().hex[:12]}"
    # Copies side by side, of files: by the WAL they would take twice as long.
    made = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(Identifier(name), Identifier(template_name))
    _copying(server_url).execute(made)
    return url_of(server_url, name)


@cache
def _copying(server_url: str) -> psycopg.Connection:
    """One connection for all copies that a process makes."""
    connection = psycopg.connect(make_conninfo(server_url), autocommit=True)
    atexit.register(connection.close)
    return connection


async def _load_demo(database_url: str) -> None:
    runtime = wiring.runtime(Settings(database_url=database_url))
    try:
        await demo.create_people(runtime)
        # As a worker would have: a test may come many minutes later, when what is not sealed is told of.
        await seal(runtime.database)
    finally:
        await runtime.close()
