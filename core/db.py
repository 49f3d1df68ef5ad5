"""The one way into PostgreSQL.

Work that changes several things opens `transaction()`; a single statement, or a call of the ledger alone, runs in
`autocommit()` and saves the round trips of BEGIN and COMMIT. Neither is held across a PIN check, a vendor call or a wait.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.errors import Busy
from core.faults import is_away, reached, silence
from core.faults.outage import Outage

# The application never works as the tables' owner. This role may read the journal but not write it.
APPLICATION_ROLE = "jasho_app"

# The newest version of the schema that this code has, by the names of the files.
SCHEMA = max(path.name for path in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))[:4]

# A port that accepts and says nothing is no server.
CONNECT_SECONDS = 3
_AFTER_COMMIT = "after commit"
_ENDED_FOR_OTHERS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
SESSION = {
    "role": APPLICATION_ROLE,
    "timezone": "UTC",
    "statement_timeout": "5s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "3s",
    # Off, a kill -9 would lose acknowledged transfers.
    "synchronous_commit": "on",
}
# For work that goes on elsewhere where a statement takes long: the server ends it before whoever waits (`silence.patience`) takes
# the line for dead.
HASTY_SESSION = SESSION | {"statement_timeout": "2s", "lock_timeout": "1500ms"}
_CONNECTION: dict[str, str | int] = {
    "connect_timeout": CONNECT_SECONDS,
    # `jasho migrate` reads which code is at work (core/migrations/running.py).
    "application_name": f"jasho {SCHEMA}",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8_000,
}


def engine_url(database_url: str) -> URL:
    """The address as SQLAlchemy wants it, whichever of its spellings the operator chose."""
    return make_url(plain_url(database_url)).set(drivername="postgresql+psycopg")


def conninfo(database_url: str) -> str:
    """The address as the driver itself wants it, for a connection that works in the application's role."""
    return make_conninfo(plain_url(database_url), options=_options(SESSION), **_CONNECTION)


def plain_url(database_url: str) -> str:
    """The address as the driver wants it, whichever of its spellings the operator chose."""
    return database_url.replace("postgresql+psycopg://", "postgresql://", 1).replace("postgres://", "postgresql://", 1)


def _options(session: Mapping[str, str]) -> str:
    return " ".join(f"-c {name}={value}" for name, value in session.items())


def after_commit(connection: AsyncConnection, act: Callable[[], None]) -> None:
    """Does something small and sure when the connection's transaction is committed, and not where it is rolled back."""
    connection.info.setdefault(_AFTER_COMMIT, []).append(act)


def _note_write(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    """A statement that commits by itself may be done from the moment that it leaves."""
    if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT" and not statement.lstrip().startswith("SELECT"):
        reached.hand_over()


class Database:
    """A pool of at most `connections` connections. Where all are in use, a caller gets an error after 3 seconds."""

    def __init__(self, database_url: str, connections: int = 16, session: Mapping[str, str] = SESSION) -> None:
        self.engine: AsyncEngine = create_async_engine(
            engine_url(database_url),
            pool_size=connections,
            max_overflow=0,
            pool_timeout=3,
            # A connection that died while idle is replaced before it is used.
            pool_pre_ping=True,
            connect_args={**_CONNECTION, "options": _options(session), "async_creator_fn": silence.Connection.connect},
        )
        event.listen(self.engine.sync_engine, "before_cursor_execute", _note_write)
        self.outage = Outage("PostgreSQL")
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """All of the block or nothing: commits at its end, rolls back on any exception.

        Raises Busy, whatever the caller has declared, where a row stayed locked for as long as anybody waits, or PostgreSQL
        ended a deadlock with it. Then the same may be asked again: after a deadlock `repeats` does so itself.
        """
        try:
            with self._watched():
                async with self.engine.begin() as connection:
                    self.outage.over()
                    acts = connection.info[_AFTER_COMMIT] = []
                    yield connection
                    reached.hand_over()
        except (DBAPIError, psycopg.Error) as error:
            if not isinstance(cause := getattr(error, "orig", error), (*_ENDED_FOR_OTHERS, psycopg.errors.LockNotAvailable)):
                raise
            busy = Busy()
            busy.is_worth_another_try = isinstance(cause, _ENDED_FOR_OTHERS)
            raise busy from error
        for act in acts:
            act()

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Each statement of the block commits by itself."""
        with self._watched():
            async with self._autocommit.connect() as connection:
                self.outage.over()
                acts = connection.info[_AFTER_COMMIT] = []
                yield connection
        for act in acts:
            act()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Tells of an outage once, however many are hit by it."""
        try:
            yield
        except Exception as error:
            if is_away(error):
                self.outage.fault(error)
            raise

    async def close(self) -> None:
        await self.engine.dispose()
