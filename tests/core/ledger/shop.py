"""People and payments for the tests of the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import insert, text

from core import clock, ids
from core.ledger import audit, holds, statement
from core.ledger.chart import EXCISE, FEES, TRUST, WALLET, SystemAccount
from core.ledger.limits import VERIFIED
from core.ledger.post import post
from core.ledger.transfer import Hold, Leg, PostingResult, Transfer
from core.runtime import Runtime
from core.tables.ledger import account

COUNTRY = "KE"


@dataclass(frozen=True, slots=True)
class Shop:
    """Opens accounts, and asks the ledger."""

    runtime: Runtime

    async def person(self, minor: int = 0, *, currency: str = "KES", tier: str | None = VERIFIED) -> UUID:
        """Somebody's new wallet, with so much in it."""
        opened = uuid4()
        async with self.runtime.database.autocommit() as connection:
            row = {"id": opened, "owner": uuid4(), "kind": WALLET, "currency": currency, "tier": tier, "floor": 0}
            await connection.execute(insert(account).values(**row, created_at=clock.now()))
        if minor:
            legs = (Leg(opened, minor), Leg(SystemAccount(TRUST, currency), -minor))
            [answer] = await self.post(Transfer(ids.new_id(), opened, "deposit", "deposit", legs))
            assert answer.outcome == "posted"
        return opened

    async def post(self, *transfers: Transfer, chains: Sequence[int] | None = None) -> list[PostingResult]:
        async with self.runtime.database.autocommit() as connection:
            return await post(connection, transfers, COUNTRY, chains)

    async def outcome(self, transfer: Transfer) -> str:
        [answer] = await self.post(transfer)
        return answer.outcome

    async def outcome_together(self, transfer: Transfer) -> str:
        """The same, in one call with whoever asks at the same time."""
        return (await self.runtime.poster.submit(transfer)).outcome

    async def held(self, transfer: Transfer, until: datetime) -> Hold:
        """Reserves, and says what for."""
        wish = holds.reserve(transfer, until)
        assert await self.outcome(wish) == "posted"
        async with self.runtime.database.autocommit() as connection:
            hold = await holds.find(connection, wish.id)
        assert hold is not None
        return hold

    async def available(self, wallet: UUID) -> int:
        async with self.runtime.database.autocommit() as connection:
            return (await statement.get_available(connection, wallet)).minor

    async def balance(self, wallet: UUID) -> int:
        return int(await self.one("SELECT balance FROM account WHERE id = :id", id=wallet))

    async def own(self, kind: str, currency: str = "KES") -> int:
        """What one of the service's own accounts holds, in all of its rows."""
        query = "SELECT sum(balance) FROM account WHERE owner IS NULL AND kind = :kind AND currency = :currency"
        return int(await self.one(query, kind=kind, currency=currency))

    async def one(self, query: str, **params: object) -> str:
        async with self.runtime.database.autocommit() as connection:
            return str(await connection.scalar(text(query), params))

    async def close(self, wallet: UUID) -> None:
        async with self.runtime.database.autocommit() as connection:
            await connection.execute(text("UPDATE account SET status = 'closed' WHERE id = :id"), {"id": wallet})

    async def findings(self) -> list[tuple[str, str]]:
        return (await audit.verify(self.runtime.database)).findings


def payment(payer: UUID, payee: UUID, minor: int, *, key: str = "", fee: int = 0, currency: str = "KES") -> Transfer:
    """Counts against the payer's limits. A fee is divided between the service and the state."""
    legs = [Leg(payer, -minor - fee), Leg(payee, minor)]
    if fee:
        excise = fee * 15 // 115
        legs += [Leg(SystemAccount(FEES, currency), fee - excise), Leg(SystemAccount(EXCISE, currency), excise)]
    return Transfer(ids.new_id(), payer, key or uuid4().hex, "send", tuple(legs), limited_minor=minor)


def lopsided(payer: UUID, payee: UUID) -> Transfer:
    """Takes one and gives two: a bug of whoever asks."""
    return replace(payment(payer, payee, 1), legs=(Leg(payer, -1), Leg(payee, 2)))
