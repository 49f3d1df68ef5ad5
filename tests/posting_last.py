"""Holds every service that a test runs to it: a transaction that has posted commits next.

Whatever else it did first, all who need the same accounts would wait for.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncConnection

from core import db
from core.ledger import post
from tests import lock_order

_POSTED = "has posted"


class GoesOn(AssertionError):
    """A transaction did something after it had posted."""


def watch() -> None:
    post.after_commit = _note  # type: ignore[attr-defined]
    event.listen(Engine, "before_cursor_execute", _check)
    for ending in ("commit", "rollback", "rollback_savepoint"):
        event.listen(Engine, ending, _forget)


def _note(connection: AsyncConnection, act: Callable[[], None]) -> None:
    db.after_commit(connection, act)
    assert isinstance(act, partial)
    _, results = act.args
    assert connection.sync_connection is not None
    driver: Any = connection.sync_connection.connection.dbapi_connection
    if driver.autocommit:
        return
    is_posted = any(result.outcome == "posted" for result in results)
    lock_order.posted(connection.sync_connection, is_kept=is_posted)
    if is_posted:
        connection.info[_POSTED] = True


def _check(connection: Connection, _: object, statement: str, *__: object) -> None:
    if _POSTED in connection.info and not statement.startswith("RELEASE SAVEPOINT"):
        raise GoesOn(statement)


def _forget(connection: Connection, *_: Any) -> None:
    if not connection.invalidated:
        connection.info.pop(_POSTED, None)
