"""The staff's decisions about claims: they pay one or decline it, once, and its owner is told by SMS."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import BadAmount
from core.i18n import translate
from core.insurance import texts
from core.insurance.claims import CLAIMS, DECLINED, PAID, WAITING, Claim, read_claim, read_text
from core.insurance.products import NAMES
from core.insurance.refusals import ClaimDecided
from core.ledger.chart import PREMIUMS, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, OverLimit
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import ClaimsOff
from core.refusing import refuses
from core.runtime import Runtime
from core.staff import Staff
from core.tables.customers import customer as customer_table
from core.tables.insurance import claim as claim_table
from core.tables.insurance import policy as policy_table

KIND = "claim"

_WITH_OWNER: Select[Any] = CLAIMS.add_columns(customer_table.c.name, customer_table.c.phone).join(
    customer_table, customer_table.c.id == policy_table.c.customer_id
)


@dataclass(frozen=True, slots=True)
class WaitingClaim:
    """A claim that waits for a decision, with its owner's name and phone (E.164)."""

    claim: Claim
    customer: str
    phone: str


class UnknownClaim(LookupError):
    """No claim has that number."""


async def list_waiting(runtime: Runtime, most: int = 100) -> list[WaitingClaim]:
    """The claims that wait for a decision, the oldest first."""
    query = _WITH_OWNER.where(claim_table.c.status == WAITING).order_by(claim_table.c.created_at, claim_table.c.id).limit(most)
    async with runtime.database.autocommit() as connection:
        return [_read_waiting(row) for row in await connection.execute(query)]


@refuses(ClaimDecided)
async def get_waiting(runtime: Runtime, number: int) -> WaitingClaim:
    """The claim of this number, while it waits. Raises UnknownClaim."""
    query = _WITH_OWNER.where(claim_table.c.number == number)
    async with runtime.database.autocommit() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise UnknownClaim(number)
    if row.status != WAITING:
        raise ClaimDecided
    return _read_waiting(row)


@refuses(ClaimsOff, ClaimDecided, BadAmount, OverLimit, AccountClosed)
async def approve(runtime: Runtime, number: int, by: Staff, amount: Money | None = None) -> Claim:
    """Pays a claim into its owner's wallet, once: the whole cover, or `amount`.

    OverLimit: above the cover. Raises UnknownClaim.
    """
    async with runtime.database.transaction() as connection:
        row = await _lock_waiting(connection, number)
        cover = Money(row.cover, row.currency)
        paid = cover if amount is None else amount
        if paid.currency != row.currency or paid.minor <= 0:
            raise BadAmount
        if paid > cover:
            raise OverLimit(most=cover)
        customer = await profiles.find_by_id(connection, row.customer_id)
        if customer is None:
            raise AccountClosed
        await _decide(connection, row.id, status=PAID, paid=paid.minor, by=by)
        transfer = _payout(row, customer, paid)
        decided = read_claim((await connection.execute(CLAIMS.where(claim_table.c.id == row.id))).one())
        await post_one(connection, transfer, country=runtime.settings.country, currency=row.currency)
        return decided


@refuses(read_text, ClaimDecided)
async def decline(runtime: Runtime, number: int, by: Staff, why: str) -> Claim:
    """Declines a claim, and tells its owner why. Raises UnknownClaim."""
    why = read_text(why)
    async with runtime.database.transaction() as connection:
        row = await _lock_waiting(connection, number)
        await _decide(connection, row.id, status=DECLINED, decision=why, by=by)
        if (customer := await profiles.find_by_id(connection, row.customer_id)) is not None:
            name = translate(NAMES[row.product], customer.language)
            await notices.tell(runtime, connection, customer, texts.CLAIM_DECLINED, product=name, number=number, why=why)
        return read_claim((await connection.execute(CLAIMS.where(claim_table.c.id == row.id))).one())


def _payout(row: Row[Any], customer: Customer, paid: Money) -> Transfer:
    """It counts against no limit: what a cover owes is not refused for being much."""
    transfer_id = ids.new_id()
    notice = notices.write(
        customer,
        texts.CLAIM_PAID,
        reference=ids.reference(transfer_id),
        number=row.number,
        product=translate(NAMES[row.product], customer.language),
        amount=paid,
    )
    legs = (Leg(customer.wallet, paid.minor), Leg(SystemAccount(PREMIUMS, paid.currency), -paid.minor))
    return Transfer(transfer_id, customer.wallet, f"claim:{row.id}", KIND, legs, (notice,))


def _read_waiting(row: Row[Any]) -> WaitingClaim:
    return WaitingClaim(read_claim(row), row.name, row.phone)


async def _lock_waiting(connection: AsyncConnection, number: int) -> Row[Any]:
    query = CLAIMS.where(claim_table.c.number == number).with_for_update(of=claim_table)
    row: Row[Any] | None = (await connection.execute(query)).one_or_none()
    if row is None:
        raise UnknownClaim(number)
    if row.status != WAITING:
        raise ClaimDecided
    return row


async def _decide(connection: AsyncConnection, claim_id: UUID, *, by: Staff, **values: object) -> None:
    change = update(claim_table).where(claim_table.c.id == claim_id)
    await connection.execute(change.values(decided_by=by.name, decided_at=clock.now(), **values))
