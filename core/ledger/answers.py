"""What was posted under an idempotency key: what a service makes its first answer from when a request comes again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import ids
from core.errors import KeyConflict
from core.ledger.chart import EXCISE, FEES
from core.money import Money
from core.refusing import refuses
from core.tables.ledger import account, posting, transfer


@dataclass(frozen=True, slots=True)
class Part:
    """What an account got, or gave where it is negative. `owner` is None for the service's own accounts."""

    account: UUID
    owner: UUID | None
    kind: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Answer:
    """A transfer as it was posted. `available_minor` is PostingResult's: in the order of the legs, which `parts` have not."""

    transfer_id: UUID
    kind: str
    moment: datetime
    currency: str
    parts: tuple[Part, ...]
    available_minor: tuple[int, ...]

    @property
    def reference(self) -> str:
        return ids.reference(self.transfer_id)

    @property
    def fee(self) -> Money:
        """What the customer paid for it, excise included."""
        return Money(sum(part.amount.minor for part in self.parts if part.kind in (FEES, EXCISE)), self.currency)

    def balance(self, leg: int) -> Money:
        """What the account of that leg could spend afterwards."""
        return Money(self.available_minor[leg], self.currency)

    def moved(self, account_id: UUID) -> Money:
        """What the account got or gave; zero where it had no part."""
        return Money(sum(part.amount.minor for part in self.parts if part.account == account_id), self.currency)

    @refuses(KeyConflict)
    def get_part(self, kind: str, *, not_of: UUID | None = None, of: UUID | None = None) -> Part:
        """The part of an account of this kind: somebody else's than `not_of`, or `of` this owner. KeyConflict: it has none."""
        part = self.find_part(kind, not_of=not_of, of=of)
        if part is None:
            raise KeyConflict
        return part

    def find_part(self, kind: str, *, not_of: UUID | None = None, of: UUID | None = None) -> Part | None:
        """`get_part`, or None."""
        return next(
            (part for part in self.parts if part.kind == kind and part.owner != not_of and of in (None, part.owner)), None
        )


@refuses(KeyConflict)
async def find(connection: AsyncConnection, initiator: UUID, key: str, *kinds: str) -> Answer | None:
    """What `initiator`, an account, has posted under this key. KeyConflict: it is of none of these `kinds`.

    Without `kinds` it may be any.
    """
    rows = (await connection.execute(_POSTED.where(transfer.c.initiator == initiator, transfer.c.key == key))).all()
    if not rows:
        return None
    first = rows[0]
    if kinds and first.kind not in kinds:
        raise KeyConflict
    return Answer(first.id, first.kind, first.created_at, first.currency, tuple(map(_part, rows)), tuple(first.available))


def _part(row: Row[Any]) -> Part:
    return Part(row.account_id, row.owner, row.account_kind, Money(row.amount, row.currency))


# One request has one currency, but for the halves of an exchange, which have a transfer each.
_POSTED: Select[Any] = (
    select(
        transfer.c.id,
        transfer.c.kind,
        transfer.c.created_at,
        transfer.c.available,
        posting.c.account_id,
        posting.c.amount,
        account.c.owner,
        account.c.kind.label("account_kind"),
        account.c.currency,
    )
    .join(posting, posting.c.transfer_id == transfer.c.id)
    .join(account, account.c.id == posting.c.account_id)
)
