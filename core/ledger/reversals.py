"""Reverses a transfer: by a new one that goes the other way, once, with a reason, and with two people above a threshold.

Nothing calls it yet; staff's undoing of a transfer will.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import ids
from core.db import Database
from core.ledger import exchange
from core.ledger.chart import name_account
from core.ledger.post import post
from core.ledger.refusals import AccountClosed, AlreadyReversed, NeedsApproval, NotEnoughMoney
from core.ledger.transfer import Leg, PostingResult, Transfer
from core.money import Money
from core.refusing import refuses
from core.staff import Staff
from core.tables.ledger import account, posting, reversal
from core.tables.ledger import transfer as transfer_table

KIND = "reversal"
# One person may reverse less than this alone, in whole units of the currency.
ALONE_BELOW = {"KES": 10_000, "TZS": 200_000, "UGX": 280_000, "RWF": 100_000, "USD": 80}


@dataclass(frozen=True, slots=True)
class _Original:
    """`kept`: the payer's own accounts that got a part, such as the savings goal that a send was rounded up into."""

    legs: tuple[Leg, ...]
    currency: str
    kept: frozenset[UUID]

    @property
    def moved(self) -> Money:
        return Money(max(abs(leg.amount_minor) for leg in self.legs), self.currency)


@refuses(AlreadyReversed, NeedsApproval, NotEnoughMoney, AccountClosed)
async def reverse(
    database: Database,
    transfer_id: UUID,
    *,
    country: str,
    reason: str,
    requested_by: Staff,
    approved_by: Staff | None = None,
    as_much_as_there: bool = False,
) -> PostingResult:
    """Sends every leg back, fee and excise too; or, with `as_much_as_there`, what the receiver still has of it.

    What the transfer has counted against its payer's day stays counted.
    AlreadyReversed also where there is nothing to reverse, and for one half of an exchange.
    """
    if not reason.strip():
        raise ValueError("a reversal needs a reason")
    async with database.transaction() as connection:
        original = await _get_original(connection, transfer_id)
        threshold = Money.of_units(ALONE_BELOW[original.currency], original.currency)
        if original.moved >= threshold and approved_by in (None, requested_by):
            raise NeedsApproval
        undoing = _undo(transfer_id, original, as_much_as_there=as_much_as_there)
        await connection.execute(
            insert(reversal).values(
                transfer_id=undoing.id,
                reason=reason,
                requested_by=requested_by.name,
                approved_by=None if approved_by is None else approved_by.name,
            )
        )
        [result] = await post(connection, [undoing], country)
        if result.outcome == "key_conflict":
            raise AlreadyReversed  # in part before and now as a whole, or the other way around
        if not result.is_done:
            result.raise_refusal(original.currency, needed=original.moved)
        if result.outcome == "repeated":
            await connection.rollback()  # the first one is on record
        return result


def _undo(transfer_id: UUID, original: _Original, *, as_much_as_there: bool) -> Transfer:
    receivers = [leg for leg in original.legs if leg.amount_minor > 0 and isinstance(leg.account, UUID)]
    payers = [leg for leg in original.legs if leg.amount_minor < 0]
    people = [leg.account for leg in (*receivers, *payers) if isinstance(leg.account, UUID)]
    if not people:
        raise AlreadyReversed
    legs = tuple(Leg(leg.account, -leg.amount_minor) for leg in original.legs)
    if as_much_as_there:
        receivers = [leg for leg in receivers if leg.account not in original.kept] or receivers
        if len(receivers) != 1 or len(payers) != 1:
            raise ValueError("only a transfer from one account to another can be undone in part")
        legs = (Leg(receivers[0].account, -receivers[0].amount_minor), Leg(payers[0].account, receivers[0].amount_minor))
    return Transfer(
        id=ids.new_id(),
        initiator=people[0],
        key=f"reverse:{transfer_id}",
        kind=KIND,
        legs=legs,
        reverses=transfer_id,
        at_most=as_much_as_there,
    )


async def _get_original(connection: AsyncConnection, transfer_id: UUID) -> _Original:
    query = (
        select(posting.c.account_id, posting.c.amount, account.c.owner, account.c.kind, account.c.currency)
        .join(account, account.c.id == posting.c.account_id)
        .join(transfer_table, transfer_table.c.id == posting.c.transfer_id)
        .where(posting.c.transfer_id == transfer_id, transfer_table.c.reverses.is_(None), transfer_table.c.kind != exchange.KIND)
        .order_by(posting.c.account_id, posting.c.version)
    )
    rows = (await connection.execute(query)).all()
    if not rows:
        raise AlreadyReversed
    legs = tuple(Leg(name_account(row.account_id, row.owner, row.kind, row.currency), row.amount) for row in rows)
    payers = {row.owner for row in rows if row.amount < 0 and row.owner is not None}
    kept = frozenset(row.account_id for row in rows if row.amount > 0 and row.owner in payers)
    return _Original(legs, rows[0].currency, kept)
