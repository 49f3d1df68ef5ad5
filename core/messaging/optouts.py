"""Numbers that want no more notices except those about their owner's money.

An opt-out belongs to the number, whoever sent it last and whoever owns it. Receipts of the customer's own transactions, one-time
codes and security notices still go out: kinds.toml says which kinds can be declined.
"""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.tables.messaging import opt_out as opt_out_table


async def opt_out(connection: AsyncConnection, phone: str, source: str) -> None:
    """No more reminders to `phone` (E.164). `source`: who told us. Doing it again changes nothing: the first time counts."""
    now = clock.now()
    row = {"phone": phone, "source": source, "since": now, "ended_at": None}
    await connection.execute(
        insert(opt_out_table)
        .values(row)
        .on_conflict_do_update(index_elements=[opt_out_table.c.phone], set_=row, where=opt_out_table.c.ended_at.is_not(None))
    )


async def opt_in(connection: AsyncConnection, phone: str) -> None:
    """Reminders to `phone` again, from now on."""
    await connection.execute(
        opt_out_table.update()
        .where(opt_out_table.c.phone == phone, opt_out_table.c.ended_at.is_(None))
        .values(ended_at=clock.now())
    )


async def is_opted_out(connection: AsyncConnection, phone: str) -> bool:
    since = await connection.scalar(
        select(opt_out_table.c.since).where(opt_out_table.c.phone == phone, opt_out_table.c.ended_at.is_(None))
    )
    return since is not None
