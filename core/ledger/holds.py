"""Holds keep money back while something outside decides. Reserve, then capture in part or whole, or give back; exactly once."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock, ids
from core.db import Database
from core.ledger.chart import SystemAccount, name_account
from core.ledger.poster import Poster
from core.ledger.transfer import Hold, Leg, Transfer
from core.tables.ledger import account, hold_leg, open_hold
from core.tables.ledger import transfer as transfer_table

KIND_CAPTURE, KIND_VOID, KIND_EXPIRE = "capture", "void", "expire"
_EXPIRE = "holds: expire"
# For a hold that only its settlement ends: what it waits for may have happened outside, however late we hear of it.
NO_END = datetime(9999, 1, 1, tzinfo=UTC)


def reserve(transfer: Transfer, until: datetime) -> Transfer:
    """The transfer as a hold: its debits are held until then, and nothing is posted. The hold has the transfer's id.

    Raises ValueError where it would take from the service's own accounts: only people's can be held.
    """
    if any(leg.amount_minor < 0 and isinstance(leg.account, SystemAccount) for leg in transfer.legs):
        raise ValueError("a hold takes from people's accounts only")
    return replace(transfer, hold_until=until)


def capture(hold: Hold, key: str, legs: tuple[Leg, ...] | None = None, limited_minor: int | None = None) -> Transfer:
    """Posts the hold's legs, or smaller ones on the same accounts, and gives the rest back.

    `limited_minor`: how much of a part still counts against the day's limit.
    """
    if legs is None:
        legs, limited_minor = hold.legs, hold.limited_minor
    return Transfer(ids.new_id(), hold.initiator, key, KIND_CAPTURE, legs, settles=hold, limited_minor=limited_minor or 0)


def give_back(hold: Hold, key: str, kind: str = KIND_VOID) -> Transfer:
    """Posts nothing. The owner can spend again what was held, and the day's limit is as it was."""
    return Transfer(ids.new_id(), hold.initiator, key, kind, (), settles=hold)


async def find(connection: AsyncConnection, hold_id: UUID) -> Hold | None:
    """A hold by its id, settled or not."""
    query = (
        select(
            transfer_table.c.initiator, transfer_table.c.limited, hold_leg, account.c.owner, account.c.kind, account.c.currency
        )
        .join(hold_leg, hold_leg.c.hold_id == transfer_table.c.id)
        .join(account, account.c.id == hold_leg.c.account_id)
        .where(transfer_table.c.id == hold_id)
        .order_by(hold_leg.c.position)
    )
    rows = (await connection.execute(query)).all()
    if not rows:
        return None
    legs = tuple(Leg(name_account(row.account_id, row.owner, row.kind, row.currency), row.amount) for row in rows)
    return Hold(hold_id, rows[0].initiator, legs, rows[0].limited)


async def expire(database: Database, poster: Poster, most: int = 100) -> int:
    """Gives back the holds whose time is over and returns how many. Any number of workers may do it at once."""
    is_late = (open_hold.c.expires_at <= clock.now()) & chores.is_not_passed_over(database, _EXPIRE, open_hold.c.hold_id)
    async with database.autocommit() as connection:
        late = await connection.scalars(
            select(open_hold.c.hold_id).where(is_late).order_by(open_hold.c.expires_at, open_hold.c.hold_id).limit(most)
        )
        hold_ids = late.all()

    async def end(hold_id: UUID) -> bool:
        async with database.autocommit() as connection:
            hold = await find(connection, hold_id)
        if hold is None:
            raise LookupError(f"the hold {hold_id} has no legs")
        result = await poster.submit(give_back(hold, f"expire:{hold.id}", KIND_EXPIRE))
        # Another worker may have been faster.
        if not result.is_done and result.outcome != "hold_closed":
            raise ValueError(f"the hold {hold_id} is {result.outcome}")
        return result.outcome == "posted"

    return await chores.try_each(database, _EXPIRE, hold_ids, end)
