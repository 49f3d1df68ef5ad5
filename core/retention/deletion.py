"""Deletes rows whose keeping time is over, in small batches that nobody waits for.

Old messages go with their periods (periods.py). What is here of them is what a period cannot take with it.
"""

import asyncio
import time
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Delete, any_, delete, func, literal_column, select

from core import ids
from core.retention.keeping import KEPT_FOR_A_TIME, Keeping
from core.retention.present import present
from core.runtime import Runtime

MOST_AT_ONCE = 500
# After a batch, in times of what it took: three quarters of the time the tables are left to the others.
_REST = 3
_LONGEST_REST_SECONDS = 1.0


async def delete_ended(runtime: Runtime) -> int:
    """Deletes one batch of each table and returns how many rows went. Rows that somebody works on are left for the next round.

    A table that cannot be cleared does not keep the others from it; its error is raised at the end.
    """
    count, failure = 0, None
    async with runtime.database.autocommit() as connection:
        now = await present(connection)
    for keeping in KEPT_FOR_A_TIME:
        began_at = time.monotonic()
        try:
            async with runtime.database.autocommit() as connection:
                number = (await connection.execute(_deletion(keeping, now - keeping.time(runtime.settings)))).rowcount
            if number:
                await asyncio.sleep(min(_REST * (time.monotonic() - began_at), _LONGEST_REST_SECONDS))
            count += number
        except Exception as error:  # noqa: BLE001 - raised below
            failure = failure or error
    if failure is not None:
        raise failure
    return count


def _deletion(keeping: Keeping, before: datetime) -> Delete:
    # A place is one of a period, and others have a row in the same.
    place: ColumnElement[Any] = keeping.table.c.id if keeping.is_in_periods else literal_column(f"{keeping.table.name}.ctid")
    ended = (
        select(place)
        .select_from(keeping.table)
        .where(
            keeping.found_by < _in_the_terms_of(keeping.found_by, before),
            *(moment < before for moment in keeping.moments),
            *keeping.conditions,
        )
        .order_by(keeping.found_by)
        .limit(MOST_AT_ONCE)
        .with_for_update(of=keeping.table, skip_locked=True)
    )
    return delete(keeping.table).where(place == any_(func.array(ended.correlate(None).scalar_subquery())))


def _in_the_terms_of(column: Column[Any], moment: datetime) -> UUID | date | datetime:
    """The moment as the column has it: an id begins with the moment at which it was made."""
    if column.type.python_type is UUID:
        return ids.first_at(moment)
    # A day is over everywhere when the next one is over here.
    return moment.date() - timedelta(days=1) if column.type.python_type is date else moment
