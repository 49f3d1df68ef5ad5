"""Tools for the duties in `core/features.py`: work on each due row once, with any number of workers and whenever one dies.

And how others learn that a worker lives: it writes a beat every few seconds, as long as it gets on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import psycopg
import structlog
from sqlalchemy import ARRAY, Column, ColumnElement, Row, Select, Uuid, all_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from core import __version__, clock
from core.db import SCHEMA, Database
from core.errors import Busy
from core.faults import is_away
from core.tables.chores import chore, heartbeat

_MOST_A_ROUND = 100
BEAT_SECONDS = 5
# Six beats: a restart of the database is shorter.
LATE = timedelta(seconds=30)
_KEPT = timedelta(hours=1)
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
# As many as a row has at most that was refused as busy, which is others' fault: it waits for a minute.
_MOST_COUNTED_AS_BUSY = 3

Key = Hashable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Due:
    """The rows that are due: `rows` selects them, `key` is the column that tells them apart, in the table whose rows are locked.

    `is_shared`: others may go on referring to a row while a worker has it. `owner`: selects the row that others lock before it,
    its customer's, so that it is kept (FOR KEY SHARE) first here too. Where that one is locked, the row is passed over.
    """

    rows: Select[Any]
    key: Column[UUID]
    order: Sequence[ColumnElement[Any]]
    is_shared: bool = False
    owner: Callable[[UUID], Select[Any]] | None = None

    async def lock(self, connection: AsyncConnection, key: UUID) -> Row[Any] | None:
        """The row, locked; None where another worker has it, or it is no longer due."""
        if self.owner is not None:
            kept = self.owner(key).with_for_update(read=True, key_share=True, skip_locked=True)
            if await connection.scalar(kept) is None:
                return None
        row = self.rows.where(self.key == key)
        locked = row.with_for_update(of=self.key.table, skip_locked=True, key_share=self.is_shared)
        due_row: Row[Any] | None = (await connection.execute(locked)).one_or_none()
        return due_row


@dataclass(frozen=True, slots=True)
class _Failure:
    """How often a row's work has failed in a row, and until when the row is passed over."""

    count: int
    until: datetime


class _Failing:
    """The rows of one duty whose work has failed lately. They are passed over, or enough of them would hide all others.

    Kept in memory: a worker that starts tries every row.
    """

    def __init__(self) -> None:
        self._failures: dict[Key, _Failure] = {}

    def note(self, key: Key, *, was_busy: bool) -> None:
        """Passes the row over for a while, longer each time; not yet after its first failure, which may have been a moment's."""
        now, before = clock.now(), self._failures.pop(key, None)
        count = 1 if before is None else before.count + 1
        count = min(count, _MOST_COUNTED_AS_BUSY) if was_busy else count
        wait = min(_FIRST_WAIT * 2 ** min(count - 2, 16), _LONGEST_WAIT) if count > 1 else timedelta(0)
        self._failures[key] = _Failure(count, now + wait)
        # Here too: not every duty asks which rows are passed over. Those that failed longest ago come first.
        self._forget([*takewhile(lambda key: self._is_old(key, now), self._failures)])

    def forget(self, key: Key) -> None:
        self._failures.pop(key, None)

    def list_passed_over(self) -> list[Key]:
        """Also forgets the rows that nobody has found due for long: something else has settled them."""
        now = clock.now()
        self._forget([key for key in self._failures if self._is_old(key, now)])
        # Further away than the longest wait is a moment only after the clock was set back.
        return [key for key, failure in self._failures.items() if now < failure.until <= now + _LONGEST_WAIT]

    def _is_old(self, key: Key, now: datetime) -> bool:
        return self._failures[key].until < now - _LONGEST_WAIT

    def _forget(self, keys: Iterable[Key]) -> None:
        for key in keys:
            del self._failures[key]


# By database, which is to say by worker, and by duty.
_failing: WeakKeyDictionary[Database, dict[str, _Failing]] = WeakKeyDictionary()


def list_passed_over(database: Database, duty: str) -> list[Key]:
    """The rows that the duty is to leave alone for now: what it finds due is to have none of them."""
    return _failing_of(database, duty).list_passed_over()


def is_not_passed_over(database: Database, duty: str, key: ColumnElement[Any]) -> ColumnElement[bool]:
    """A condition on a column of ids: none of `list_passed_over`."""
    # One parameter, however many there are.
    return key != all_(literal(list_passed_over(database, duty), ARRAY(Uuid)))


async def try_one(database: Database, duty: str, key: Key, work: Callable[[], Awaitable[object]]) -> bool:
    """Does the duty's work for one row, in transactions of its own. True where it did something.

    Where it fails, that is logged and the row left for the next round. From its second failure on it is passed over for 30
    seconds, and longer each time, up to an hour, so that those behind it get their turn; up to a minute where it was refused as
    busy. Raises the database's error where that is away, and the error of a time that ran out without an answer or a free
    connection: the other rows would fail too. A row that ran out of time is passed over as well, since its own work may be what
    takes so long; so is one that was amid its work when its whole round was ended.
    """
    failing = _failing_of(database, duty)
    try:
        with structlog.contextvars.bound_contextvars(row=str(key)):
            has_done = bool(await work())
        failing.forget(key)
    except asyncio.CancelledError:
        failing.note(key, was_busy=False)
        raise
    except Exception as error:
        if isinstance(error, DBAPIError | psycopg.Error) and is_away(error):
            raise
        failing.note(key, was_busy=isinstance(error, Busy))
        if isinstance(error, TimeoutError | NoConnection):
            raise
        log.exception("a row's work failed", duty=duty, row=str(key))
        return False
    return has_done


async def try_each(database: Database, duty: str, keys: Iterable[Key], work: Callable[[Any], Awaitable[object]]) -> int:
    """`try_one` for each of the rows; returns with how many it did something."""
    return sum([await try_one(database, duty, key, partial(work, key)) for key in keys])


async def work_through(
    database: Database, duty: str, due: Due, work: Callable[[AsyncConnection, Row[Any]], Awaitable[bool]]
) -> int:
    """`try_one` with each due row, locked, in a transaction of its own; returns with how many it did something.

    It passes over a row that another worker has, or that is no longer due once it is locked. One that somebody keeps locked, or
    whose work takes too long, fails as others do.
    """
    is_next = is_not_passed_over(database, duty, due.key)
    due_keys = due.rows.with_only_columns(due.key).where(is_next).order_by(*due.order, due.key).limit(_MOST_A_ROUND)
    async with database.autocommit() as connection:
        keys = (await connection.scalars(due_keys)).all()

    async def lock_and_work(key: UUID) -> bool:
        async with database.transaction() as connection:
            row = await due.lock(connection, key)
            return row is not None and await work(connection, row)

    return await try_each(database, duty, keys, lock_and_work)


def _failing_of(database: Database, duty: str) -> _Failing:
    return _failing.setdefault(database, {}).setdefault(duty, _Failing())


async def mark_done(connection: AsyncConnection, subject: UUID, kind: str, period: str) -> bool:
    """Marks a chore as done. True the first time, False ever after.

    Call it in the transaction that does the work: a rollback takes the mark back.
    """
    added = (
        insert(chore)
        .values(subject=subject, kind=kind, period=period, done_at=clock.now())
        .on_conflict_do_nothing()
        .returning(chore.c.subject)
    )
    return (await connection.execute(added)).one_or_none() is not None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's process, as its heartbeat names it."""

    host: str
    process: UUID = field(default_factory=uuid4)
    started_at: datetime = field(default_factory=clock.now)


async def beat(database: Database, worker: Worker) -> int:
    """Writes down that the worker works now, and lets go of those that have not for an hour. There is no more to do: 0."""
    now = clock.now()
    row = {"host": worker.host, "version": f"{__version__}, schema {SCHEMA}", "started_at": worker.started_at, "beat_at": now}
    statement = insert(heartbeat).values(process=worker.process, **row)
    async with database.autocommit() as connection:
        await connection.execute(statement.on_conflict_do_update(index_elements=["process"], set_={"beat_at": now}))
        await connection.execute(delete(heartbeat).where(heartbeat.c.beat_at < now - _KEPT))
    return 0


async def since_beat(connection: AsyncConnection, host: str | None = None) -> timedelta | None:
    """How long ago a worker, of this host where one is named, last wrote that it works; None where none has for an hour.

    A beat that is far in the future, of a clock that was wrong, is nobody's: it would hide for long that no worker works.
    """
    last = select(func.max(heartbeat.c.beat_at)).where(heartbeat.c.beat_at <= clock.now() + LATE)
    last_beat = await connection.scalar(last if host is None else last.where(heartbeat.c.host == host))
    return None if last_beat is None else max(timedelta(), clock.now() - last_beat)
