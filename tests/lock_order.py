"""Holds all services that tests run to one order of locks: no two take rows of the same two tables in opposite orders.

Two that do can wait for each other for ever, and PostgreSQL then throws one of them out. What a transaction takes is read from
its statements: rows that it locks or changes, rows that it adds (a second one of the same key waits), rows that those refer to,
and the accounts of what it posts. Which row of a table it is, is not looked at.
"""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from sqlalchemy import Connection, Delete, Engine, Insert, Select, Table, Update, event
from sqlalchemy.ext.asyncio import AsyncConnection

from core import db
from core.tables.ledger import account

# FOR KEY SHARE, FOR SHARE, FOR NO KEY UPDATE, FOR UPDATE, and a new row with its keys.
KEY, SHARE, CHANGE, ALL, NEW = "key share", "share", "no key update", "update", "insert"
_STRENGTH = {KEY: 0, NEW: 0, SHARE: 1, CHANGE: 2, ALL: 3}
_CONFLICTS = {
    *((KEY, ALL), (SHARE, CHANGE), (SHARE, ALL), (CHANGE, CHANGE), (CHANGE, ALL), (ALL, ALL), (NEW, NEW)),
}
# Their keys are ids that were made a moment ago.
_NEVER_THE_SAME = {"outbox"}
_ROOT = Path(__file__).parent.parent
_HELD, _SAVED, _BY = "locks held", "locks saved", "service"
Lock = tuple[str, str]
_watching: "list[Orders]" = []


class Crossed(AssertionError):
    """Two services take rows of the same tables in opposite orders."""


@dataclass(frozen=True, slots=True)
class Step:
    """A transaction held the one lock when it took the other. `by` names the service."""

    held: Lock
    taken: Lock
    by: str = ""

    def crosses(self, other: "Step") -> bool:
        is_opposite = (self.held[0], self.taken[0]) == (other.taken[0], other.held[0])
        return is_opposite and _conflict(self.held[1], other.taken[1]) and _conflict(self.taken[1], other.held[1])


class Orders:
    """The steps of all processes of a run, in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: set[tuple[Lock, Lock]] = set()

    def take(self, connection: Connection, locks: list[Lock]) -> None:
        """Notes what the connection's transaction takes now. Raises Crossed where others do it the other way round."""
        held: list[Lock] = connection.info.setdefault(_HELD, [])
        for lock in locks:
            if any(table == lock[0] and _STRENGTH[mode] >= _STRENGTH[lock[1]] for table, mode in held):
                continue
            for before in held:
                if before[0] != lock[0] and (before, lock) not in self._seen:
                    self._seen.add((before, lock))
                    self._compare(Step(before, lock, connection.info.get(_BY, "somebody")))
            held.append(lock)

    def steps(self) -> list[Step]:
        lines = self._file.read_bytes().splitlines() if self._file.exists() else []
        return [msgspec.json.decode(line, type=Step) for line in lines]

    def _compare(self, step: Step) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(step) + b"\n")
        # Two processes at once each see at least what they have written themselves.
        for other in self.steps():
            if step.crosses(other):
                raise Crossed(f"{other.by} takes {other.taken} after {other.held}, {step.by} {step.taken} after {step.held}")


def crossings(steps: list[Step]) -> list[tuple[Step, Step]]:
    return [(one, other) for place, one in enumerate(steps) for other in steps[:place] if one.crosses(other)]


def locks_of(statement: object) -> list[Lock]:
    """What a statement takes, in its order."""
    if isinstance(statement, Select) and (how := statement._for_update_arg) is not None:
        mode = (KEY if how.key_share else SHARE) if how.read else (CHANGE if how.key_share else ALL)
        of: Any = how.of or [table for source in statement.get_final_froms() for table in _tables(source)]
        return [(name, mode) for name in dict.fromkeys(_name(getattr(item, "table", item)) for item in of)]
    if isinstance(statement, Update | Delete):
        return [(_name(statement.table), CHANGE if isinstance(statement, Update) else ALL)]
    if isinstance(statement, Insert):
        name = _name(statement.table)
        referred = sorted({_name(key.column.table) for key in statement.table.foreign_keys})
        return [*([] if name in _NEVER_THE_SAME else [(name, NEW)]), *((other, KEY) for other in referred)]
    return []


def _name(table: Any) -> str:
    return str(table.name)


def service() -> str:
    """Which functions of core are at work, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    names: dict[str, None] = {}
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_ROOT / "core") and path.name not in ("db.py", "refusing.py"):
            names[f"{path.relative_to(_ROOT)}:{frame.f_code.co_name}"] = None
        frame = frame.f_back
    return " < ".join(names)


def file_of_run(folder: Path) -> Path:
    """The file that all processes of this run share."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    file = folder / f"{run or os.getpid()}.jsonl"
    if run is None:
        # An earlier run of one process, perhaps of other code, may have had the same number.
        file.unlink(missing_ok=True)
    return file


def watch(folder: Path) -> None:
    """Watches every engine of this process."""
    open_transaction = db.Database.transaction

    @asynccontextmanager
    async def named_transaction(database: db.Database) -> AsyncIterator[AsyncConnection]:
        by = service()
        async with open_transaction(database) as connection:
            connection.info[_BY] = by
            yield connection

    db.Database.transaction = named_transaction  # type: ignore[method-assign, assignment]
    _watching.append(Orders(file_of_run(folder)))
    event.listen(Engine, "before_execute", _look)
    event.listen(Engine, "savepoint", _save)
    event.listen(Engine, "rollback_savepoint", _go_back)
    event.listen(Engine, "release_savepoint", _go_on)
    for ending in ("commit", "rollback"):
        event.listen(Engine, ending, _forget)


def posted(connection: Connection, *, is_kept: bool) -> None:
    """A transaction has posted: tests/posting_last.py sees that. Its accounts are taken in the ledger's own order.

    `is_kept`: something was accepted. Where nothing was, `post` lets go of all rows.
    """
    before = list(connection.info.get(_HELD, []))
    for orders in _watching:
        orders.take(connection, [(_name(account), CHANGE)])
    if not is_kept:
        connection.info[_HELD] = before


def _look(connection: Connection, statement: object, *_: object) -> None:
    driver: Any = connection.connection.dbapi_connection
    if (locks := locks_of(statement)) and not driver.autocommit:
        for orders in _watching:
            orders.take(connection, locks)


def _save(connection: Connection, _: object) -> None:
    connection.info.setdefault(_SAVED, []).append(list(connection.info.get(_HELD, [])))


def _go_back(connection: Connection, *_: object) -> None:
    connection.info[_HELD] = connection.info[_SAVED].pop()


def _go_on(connection: Connection, *_: object) -> None:
    connection.info[_SAVED].pop()


def _forget(connection: Connection) -> None:
    if not connection.invalidated:
        connection.info.pop(_HELD, None)
        connection.info.pop(_SAVED, None)
        connection.info.pop(_BY, None)


def _conflict(one: str, other: str) -> bool:
    return (one, other) in _CONFLICTS or (other, one) in _CONFLICTS


def _tables(source: Any) -> Iterator[Table]:
    if isinstance(source, Table):
        yield source
    for side in ("left", "right", "element"):
        if hasattr(source, side):
            yield from _tables(getattr(source, side))
