"""The health of the SMS providers, as all workers together have seen it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.tables.messaging import sms_provider


async def list_providers(
    connection: AsyncConnection, weights: Mapping[str, int], *, is_locked: bool = False
) -> Sequence[Row[Any]]:
    """What is known of these providers, always in the same order, and `read_at`, the time now by the database's clock.

    The first caller records new ones, with these weights.
    """
    is_asked = sms_provider.c.name.in_(sorted(weights))
    query = select(sms_provider, clock.in_database().label("read_at")).where(is_asked).order_by(sms_provider.c.name)
    if is_locked:
        query = query.with_for_update()
    rows = (await connection.execute(query)).all()
    if len(rows) == len(weights):
        return rows
    new = [{"name": name, "weight": weights[name]} for name in sorted(weights)]
    await connection.execute(insert(sms_provider).values(new).on_conflict_do_nothing())
    return (await connection.execute(query)).all()


async def mark_probed(connection: AsyncConnection, names: Iterable[str]) -> None:
    """Each of these is being tried with one message."""
    await connection.execute(update(sms_provider).where(sms_provider.c.name.in_(names)).values(probed_at=clock.in_database()))


async def update_provider(connection: AsyncConnection, name: str, values: Mapping[str, Any]) -> None:
    """Writes down what was learnt about a provider."""
    await connection.execute(update(sms_provider).where(sms_provider.c.name == name).values(**values))
