"""Brings a database to what the code expects: Alembic's versions, then functions, rights, triggers and the service's accounts.

Tables change by a numbered version. Functions, rights and triggers are code: every run ends by comparing them with what the
database has, and changes what differs. A lock that is not free at once is not queued for, because everybody else would queue
behind: the run gives up what it has, rests and tries again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError, PendingRollbackError

from core import clock
from core.db import CONNECT_SECONDS, engine_url
from core.ledger.chart import list_system_accounts
from core.migrations import contract, functions, rights, running, triggers
from core.migrations.running import AtWork as AtWork
from core.tables.ledger import account

_FOLDER = Path(__file__).parent
VERSIONS = _FOLDER / "versions"
# The key of the lock by which two migrations at once take turns. Any number will do that nobody else uses.
_TURN = 384_96
# A little above PostgreSQL's deadlock_timeout of 1 s, after which an autovacuum that is in the way gives up its work.
_LOCK_TIMEOUT = "1200ms"
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
# Nothing of the transaction was done, and the next try may succeed.
_WORTH_ANOTHER_TRY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


log = structlog.get_logger()


class Rest(Protocol):
    """What is done between two tries."""

    def __call__(self, seconds: float, /) -> object:
        """Comes back after them."""


class Blocked(Exception):
    """A lock was not free in any of the tries."""


class TooNew(Exception):
    """The database has left this code behind."""


def migrate(database_url: str, *, versions: Path = VERSIONS, rest: Rest = sleep) -> str:
    """Works as the database's owner. Each version is a transaction: all of it or nothing. Answers the version reached.

    A database that is ahead of the code, and allows it, is left alone. `rest` is called with the seconds until the next
    try. Raises Blocked after the last one, TooNew, AtWork, and SQLAlchemyError where the database is away or a version is wrong;
    another run goes on where this one has stopped.
    """
    for pause in _PAUSES_SECONDS:
        try:
            return _run(database_url, versions)
        except Blocked:
            rest(pause)
    try:
        return _run(database_url, versions)
    except Blocked as error:
        tries = len(_PAUSES_SECONDS) + 1
        raise Blocked(f"{error}, {tries} times; end what is in the way, or run it again in a quiet hour") from error


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """A connection as the database's owner."""
    engine = create_engine(engine_url(database_url), poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS})
    with engine.connect() as connection:
        yield connection


def find_obstacle(connection: Connection) -> str | None:
    """Why this code may not run on the database, and what to do. None where it may: at its own schema or a later one."""
    return contract.read(connection).obstacle(newest())


@cache
def newest(versions: Path = VERSIONS) -> str:
    """The newest version that the code has. Alembic reads every version for it, and they are part of the release."""
    head = ScriptDirectory.from_config(configuration(None, versions)).get_current_head()
    assert head is not None
    return head


def configuration(connection: Connection | None, versions: Path = VERSIONS) -> Config:
    """Alembic's settings, for a connection that is open already, or for reading the versions only."""
    config = Config()
    # A percent sign begins something of the configuration's own.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


def _run(database_url: str, versions: Path) -> str:
    """Raises Blocked where a lock is not free."""
    began_at = monotonic()
    try:
        with connected(database_url) as connection:
            connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
            _take_turn(connection)
            present = MigrationContext.configure(connection).get_current_revision()
            if present is not None and present > newest(versions):
                return _leave_alone(connection, present, newest(versions))
            running.check(connection, ScriptDirectory.from_config(configuration(None, versions)), present)
            connection.commit()
            command.upgrade(configuration(connection, versions), "head")
            connection.commit()
            with connection.begin():
                rights.make_role(connection)
                functions.replace_differing(connection)
                connection.execute(select(func.ledger_era_beyond_seals(clock.now())))
                rights.align(connection)
                _open_system_accounts(connection)
            triggers.replace_differing(connection)
            with connection.begin():
                contract.complete(connection, newest(versions))
            seconds = round(monotonic() - began_at, 1)
            log.info("schema migrated", version_before=present, version=newest(versions), seconds=seconds)
            return newest(versions)
    except PendingRollbackError as error:
        # Alembic has tried to end what went with the connection; the statement that has lost it says why.
        raise error.__context__ or error from None
    except OperationalError as error:
        if not isinstance(error.orig, _WORTH_ANOTHER_TRY):
            raise
        raise Blocked(f"a lock was not free for `{' '.join((error.statement or '').split())[:80]}`") from error


def _leave_alone(connection: Connection, present: str, code: str) -> str:
    """The functions and rights there are those of newer code, which may be at work."""
    obstacle = contract.read(connection).obstacle(code)
    if obstacle is not None:
        raise TooNew(obstacle)
    return present


def _take_turn(connection: Connection) -> None:
    """Keeps a second migration out until the connection is closed, or is kept out.

    It does not wait: who waits in a statement is itself waited for by an index that is built concurrently.
    """
    is_free = connection.scalar(text("SELECT pg_try_advisory_lock(:turn)"), {"turn": _TURN})
    if not is_free:
        raise Blocked("another migration is at work")


def _open_system_accounts(connection: Connection) -> None:
    present = set(connection.scalars(select(account.c.id).where(account.c.owner.is_(None))))
    now = clock.now()
    rows = [
        {"id": account_id, "kind": system.kind, "currency": system.currency, "created_at": now}
        for account_id, system in list_system_accounts()
        if account_id not in present
    ]
    if rows:
        connection.execute(insert(account).on_conflict_do_nothing(), rows)
