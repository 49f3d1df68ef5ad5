"""The rail of a developer's machine: a prompt on the simulated phone, and somebody who answers it there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import and_, or_, select

from core.money import Money
from core.rails import Order
from core.tables.payments import payment

if TYPE_CHECKING:
    from core.runtime import Runtime

NAME = "local"
_MOST_PROMPTS = 10


class LocalRail:
    """Takes every order on at once. There is nobody to send it to: the prompt is the payment's own row."""

    name = NAME

    async def collect(self, order: Order) -> None:
        """See Rail."""

    async def pay_out(self, order: Order) -> None:
        """See Rail."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a phone asks its owner. `direction`: `in`, she is to pay; `out`, she is paid."""

    id: UUID
    direction: str
    amount: Money


async def prompts(runtime: "Runtime", phone: str) -> list[Prompt]:
    """What the phone (E.164) shows, oldest first. A prompt to pay goes away unanswered; money to be had waits."""
    waiting = or_(payment.c.status == "asked", and_(payment.c.status == "unanswered", payment.c.direction == "out"))
    shown = (
        select(payment.c.id, payment.c.direction, payment.c.amount, payment.c.currency)
        .where(payment.c.rail == NAME, payment.c.phone == phone, payment.c.asked_at.is_not(None), waiting)
        .order_by(payment.c.created_at, payment.c.id)
        .limit(_MOST_PROMPTS)
    )
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(shown)).all()
    return [Prompt(row.id, row.direction, Money(row.amount, row.currency)) for row in rows]
