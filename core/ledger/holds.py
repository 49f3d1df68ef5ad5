"""Holds: money kept back while something outside decides. Reserve, then capture in part or whole, or give back; exactly once."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.db import Database
from core.ledger.chart import SystemAccount, named
from core.ledger.poster import Poster
from core.ledger.transfer import Hold, Leg, Transfer
from core.tables.ledger import account, hold_leg, open_hold, transfer

KIND_CAPTURE, KIND_VOID, KIND_EXPIRE = "capture", "void", "expire"


def reserve(wish: Transfer, until: datetime) -> Transfer:
    """The same transfer as a hold: its debits are held until then, and nothing is posted. Its id is the hold's.

    Only people's accounts can be held: raises ValueError where the service's own would give.
    """
    if any(leg.amount_minor < 0 and isinstance(leg.account, SystemAccount) for leg in wish.legs):
        raise ValueError("a hold takes from people's accounts only")
    return replace(wish, hold_until=until)


def capture(hold: Hold, key: str, legs: tuple[Leg, ...] | None = None, limited_minor: int | None = None) -> Transfer:
    """Posts the hold's legs, or smaller ones on the same accounts; what is not captured is given back.

    `limited_minor` is how much of a part still counts against the day's limit.
    """
    if legs is None:
        legs, limited_minor = hold.legs, hold.limited_minor
    return Transfer(ids.new_id(), hold.initiator, key, KIND_CAPTURE, legs, settles=hold, limited_minor=limited_minor or 0)


def give_back(hold: Hold, key: str, kind: str = KIND_VOID) -> Transfer:
    """Posts nothing: all that was held can be spent again, and the day's limit is as it was."""
    return Transfer(ids.new_id(), hold.initiator, key, kind, (), settles=hold)


async def load(connection: AsyncConnection, hold_id: UUID) -> Hold | None:
    """A hold by its id, settled or not."""
    rows = await connection.execute(
        select(transfer.c.initiator, transfer.c.limited, hold_leg, account.c.owner, account.c.kind, account.c.currency)
        .join(hold_leg, hold_leg.c.hold_id == transfer.c.id)
        .join(account, account.c.id == hold_leg.c.account_id)
        .where(transfer.c.id == hold_id)
        .order_by(hold_leg.c.position)
    )
    found = rows.all()
    if not found:
        return None
    legs = tuple(Leg(named(row.account_id, row.owner, row.kind, row.currency), row.amount) for row in found)
    return Hold(hold_id, found[0].initiator, legs, found[0].limited)


async def expire(database: Database, poster: Poster, most: int = 100) -> int:
    """Gives back the holds whose time is over; says how many. Any number of workers may do it at once."""
    async with database.autocommit() as connection:
        late = await connection.scalars(
            select(open_hold.c.hold_id).where(open_hold.c.expires_at <= clock.now()).order_by(open_hold.c.expires_at).limit(most)
        )
        holds = [await load(connection, hold_id) for hold_id in late.all()]
    count = 0
    for hold in holds:
        assert hold is not None
        answer = await poster.submit(give_back(hold, f"expire:{hold.id}", KIND_EXPIRE))
        count += answer.outcome == "posted"
    return count
