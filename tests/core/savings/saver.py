"""Somebody who saves, for the tests of savings."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from core import ids
from core.customers import profiles
from core.customers.profiles import Customer
from core.features import CHECKS
from core.ledger import audit
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.runtime import Runtime
from core.savings import opening
from core.savings.goals import Goal

ASHA, BARAKA = "+254711000001", "+254722000002"


def kes(units: int) -> Money:
    return Money.of_units(units, "KES")


@dataclass(frozen=True)
class Saver:
    """One customer. Amounts are in whole shillings."""

    runtime: Runtime
    phone: str = ASHA

    async def customer(self) -> Customer:
        """As she is now."""
        found = await profiles.find(self.runtime, self.phone)
        assert found is not None
        return found

    async def goal(
        self, name: str = "Cow", *, target: int = 1_000, due: date | None = None, is_locked: bool = False, saved: int = 0
    ) -> Goal:
        """A new goal of hers, with so much in it from elsewhere."""
        customer = await self.customer()
        opened = await opening.open_goal(
            self.runtime, customer, name=name, target=kes(target), due=due, is_locked=is_locked, key=f"test:{name}"
        )
        if saved:
            await self.paid_in(saved, opened.id)
        return opened

    async def paid_in(self, units: int, into: UUID | None = None) -> None:
        """Cash from outside, into her wallet or another account."""
        account = into or (await self.customer()).wallet
        legs = (Leg(account, units * 100), Leg(SystemAccount(TRUST, "KES"), -units * 100))
        transfer_id = ids.new_id()
        answer = await self.runtime.poster.submit(Transfer(transfer_id, account, str(transfer_id), "deposit", legs))
        assert answer.outcome == "posted"

    async def balance(self, account: UUID | None = None) -> int:
        """What her wallet or another account holds."""
        minor = await self.one("SELECT balance FROM account WHERE id = :id", id=account or (await self.customer()).wallet)
        assert minor % 100 == 0
        return minor // 100

    async def read(self) -> list[str]:
        """Every SMS that she was sent, oldest first."""
        query = text("SELECT body FROM outbox WHERE phone = :phone ORDER BY created_at, id")
        async with self.runtime.database.autocommit() as connection:
            return list(await connection.scalars(query, {"phone": self.phone}))

    async def one(self, query: str, **params: object) -> int:
        async with self.runtime.database.autocommit() as connection:
            return int(str(await connection.scalar(text(query), params)))


async def findings(runtime: Runtime) -> list[tuple[str, str]]:
    """What is wrong with the books."""
    return (await audit.verify(runtime.database, checks=CHECKS)).findings
