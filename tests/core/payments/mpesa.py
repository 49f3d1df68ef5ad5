"""Asha's Jasho and her M-Pesa, with a rail between them that a test plays: it is a vendor."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from core.customers import profiles
from core.customers.profiles import Customer
from core.features import CHECKS
from core.ledger import audit, statement
from core.ledger.chart import SystemAccount
from core.messaging import notices
from core.money import Money
from core.payments import handover, requests
from core.payments.requests import DepositRequest, WithdrawalReceipt
from core.rail import Ability, Order, RailRefused
from core.runtime import Runtime
from gateway import worker
from tests import pins

ASHA = "+254711000001"
START = 1_250_000
# After the demo people have joined: they read their messages in the order of time.
NOW = datetime(2036, 3, 3, 9, tzinfo=UTC)


def kes(units: int) -> Money:
    return Money(units * 100, "KES")


@dataclass
class PlayedRail:
    """Keeps the orders that it was asked for. `does` is what it does with the next ones: None takes one on."""

    name: str = "played"
    kind: str = "mpesa"
    abilities: frozenset[Ability] = frozenset(Ability)
    asked: list[tuple[str, Order]] = field(default_factory=list)
    does: Callable[[Order], object] | None = None

    async def collect(self, order: Order) -> None:
        await self._take("in", order)

    async def pay_out(self, order: Order) -> None:
        await self._take("out", order)

    async def _take(self, direction: str, order: Order) -> None:
        self.asked.append((direction, order))
        await asyncio.sleep(0)  # as any call over a network lets others have a turn
        if self.does is not None:
            result = self.does(order)
            if asyncio.iscoroutine(result):
                await result

    @property
    def ids(self) -> list[UUID]:
        return [order.id for _, order in self.asked]


def refuses(_: Order) -> None:
    raise RailRefused


def breaks(_: Order) -> None:
    raise ConnectionResetError


@dataclass
class Stage:
    """Asha, and the rail between her Jasho and her M-Pesa."""

    runtime: Runtime
    rail: PlayedRail
    asha: Customer

    async def deposit(self, units: int = 500, key: str = "key") -> DepositRequest:
        return await requests.deposit(self.runtime, self.asha, kes(units), key=key)

    async def withdraw(self, units: int = 500, key: str = "key", pin: str = pins.RIGHT) -> WithdrawalReceipt:
        return await requests.withdraw(self.runtime, self.asha, kes(units), pin=pin, key=key)

    async def ask(self) -> int:
        return await handover.ask(self.runtime)

    async def asked(self) -> UUID:
        """Hands the one request that waits to the rail."""
        assert await self.ask() == 1
        return self.rail.ids[-1]

    async def asked_deposit(self, units: int = 500, key: str = "key") -> UUID:
        await self.deposit(units, key)
        return await self.asked()

    async def asked_withdrawal(self, units: int = 500, key: str = "key") -> UUID:
        await self.withdraw(units, key)
        return await self.asked()

    async def report(self, payment_id: UUID, *, paid: bool, rail_reference: str | None = None) -> None:
        await requests.report(self.runtime, payment_id, paid=paid, rail_reference=rail_reference)

    async def give_up(self) -> int:
        return await handover.give_up(self.runtime)

    async def money(self) -> tuple[int, int]:
        """What her wallet holds and what of it she can spend, in minor units."""
        held = int(await self.one("SELECT held FROM account WHERE id = :id", id=self.asha.wallet))
        balance = int(await self.one("SELECT balance FROM account WHERE id = :id", id=self.asha.wallet))
        return balance, balance - held

    async def own(self, kind: str) -> int:
        async with self.runtime.database.autocommit() as connection:
            return (await statement.get_system_balance(connection, SystemAccount(kind, "KES"))).minor

    async def status(self, payment_id: UUID) -> str:
        return await self.one("SELECT status FROM payment WHERE id = :id", id=payment_id)

    async def one(self, query: str, **params: object) -> str:
        async with self.runtime.database.autocommit() as connection:
            return str(await connection.scalar(text(query), params))

    async def change(self, statement: str, **params: object) -> None:
        async with self.runtime.database.transaction() as connection:
            await connection.execute(text(statement), params)

    async def inbox(self) -> list[str]:
        """Her new messages, oldest first."""
        while await worker.drain(self.runtime):
            pass
        messages = reversed(await notices.list_inbox(self.runtime, ASHA))
        return [message.body for message in messages][1:]  # the first one says welcome

    async def findings(self) -> list[tuple[str, str]]:
        return (await audit.verify(self.runtime.database, checks=CHECKS)).findings


async def set_up(runtime: Runtime) -> Stage:
    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    rail = PlayedRail()
    return Stage(replace(runtime, rails={rail.name: rail}), rail, asha)
