"""Deletes rows whose keeping time is over, in small batches that nobody waits for.

Old messages go with their periods (periods.py). What is here of them is what a period cannot take with it.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Select,
    Text,
    all_,
    any_,
    cast,
    delete,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.exc import DBAPIError

from core import chores, ids
from core.faults import is_away
from core.retention.keeping import KEPT_FOR_A_TIME, Keeping
from core.retention.present import present
from core.runtime import Runtime

MOST_AT_ONCE = 500
_MOST_SINGLY = 100
_DUTY = "retention: delete"
# After a batch, in times of what it took: three quarters of the time the tables are left to the others.
_REST = 3
_LONGEST_REST_SECONDS = 1.0


async def delete_ended(runtime: Runtime) -> int:
    """Deletes one batch of each table and returns how many rows went. Rows that somebody works on are left for the next round.

    Where a batch fails, its rows are tried one by one, and those that cannot go are logged and passed over. A table that cannot
    be cleared for another reason does not keep the others from it; its error is raised at the end.
    """
    count, failure = 0, None
    async with runtime.database.autocommit() as connection:
        now = await present(connection)
    for keeping in KEPT_FOR_A_TIME:
        began_at = time.monotonic()
        number = 0
        try:
            number = await _clear(runtime, keeping, now - keeping.time(runtime.settings))
        except Exception as error:  # noqa: BLE001 - raised below
            failure = failure or error
        if number:
            await asyncio.sleep(min(_REST * (time.monotonic() - began_at), _LONGEST_REST_SECONDS))
        count += number
    if failure is not None:
        raise failure
    return count


async def _clear(runtime: Runtime, keeping: Keeping, before: datetime) -> int:
    try:
        return await _delete(runtime, keeping, before)
    except DBAPIError as error:
        if is_away(error) or not (places := await _list_places(runtime, keeping, before)):
            raise
        return await _delete_singly(runtime, keeping, before, places)


async def _delete(runtime: Runtime, keeping: Keeping, before: datetime, place: str | None = None) -> int:
    passed_over = [place for _, place in _passed_over(runtime, keeping)]
    ended = _ended(keeping, before, passed_over if place is None else ())
    if place is not None:
        ended = ended.where(cast(_place(keeping), Text) == place)
    places = any_(func.array(ended.with_for_update(of=keeping.table, skip_locked=True).correlate(None).scalar_subquery()))
    async with runtime.database.autocommit() as connection:
        return (await connection.execute(delete(keeping.table).where(_place(keeping) == places))).rowcount


async def _list_places(runtime: Runtime, keeping: Keeping, before: datetime) -> Sequence[str]:
    """As many as one round may take one by one."""
    passed_over = _passed_over(runtime, keeping)
    ended = _ended(keeping, before, [place for _, place in passed_over]).with_only_columns(cast(_place(keeping), Text))
    async with runtime.database.autocommit() as connection:
        return (await connection.scalars(ended.limit(_MOST_SINGLY))).all()


async def _delete_singly(runtime: Runtime, keeping: Keeping, before: datetime, places: Sequence[str]) -> int:
    async def go(key: tuple[str, str]) -> bool:
        return await _delete(runtime, keeping, before, key[1]) > 0

    return await chores.try_each(runtime.database, _DUTY, [(keeping.table.name, place) for place in places], go)


def _passed_over(runtime: Runtime, keeping: Keeping) -> list[tuple[str, str]]:
    keys: list[Any] = chores.list_passed_over(runtime.database, _DUTY)
    return [key for key in keys if key[0] == keeping.table.name]


def _place(keeping: Keeping) -> ColumnElement[Any]:
    # A place is one of a period, and others have a row in the same.
    return keeping.table.c.id if keeping.is_in_periods else literal_column(f"{keeping.table.name}.ctid")


def _ended(keeping: Keeping, before: datetime, passed_over: Sequence[str]) -> Select[Any]:
    """The places of rows whose time is over, the oldest first."""
    ended = (
        select(_place(keeping))
        .select_from(keeping.table)
        .where(
            keeping.found_by < _in_the_terms_of(keeping.found_by, before),
            *(moment < before for moment in keeping.moments),
            *keeping.conditions,
        )
        .order_by(keeping.found_by)
        .limit(MOST_AT_ONCE)
    )
    return ended.where(cast(_place(keeping), Text) != all_(literal(passed_over, ARRAY(Text)))) if passed_over else ended


def _in_the_terms_of(column: Column[Any], moment: datetime) -> UUID | date | datetime:
    """The moment as the column has it: an id begins with the moment at which it was made."""
    if column.type.python_type is UUID:
        return ids.first_at(moment)
    # A day is over everywhere when the next one is over here.
    return moment.date() - timedelta(days=1) if column.type.python_type is date else moment
