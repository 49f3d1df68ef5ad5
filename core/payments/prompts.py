"""Prompts that wait for an answer on a phone, for a rail whose phones are simulated."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, or_, select

from core.money import Money
from core.runtime import Runtime
from core.tables.payments import payment

_MOST_PROMPTS = 10


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a phone asks its owner. `direction`: `in` asks her to pay, `out` says that she is paid."""

    id: UUID
    direction: str
    amount: Money


async def list_prompts(runtime: Runtime, rail: str, phone: str) -> list[Prompt]:
    """The rail's prompts on a phone (E.164), oldest first. An unanswered prompt to pay goes away; one that pays stays."""
    waiting = or_(payment.c.status == "asked", and_(payment.c.status == "unanswered", payment.c.direction == "out"))
    query = (
        select(payment.c.id, payment.c.direction, payment.c.amount, payment.c.currency)
        .where(payment.c.rail == rail, payment.c.phone == phone, payment.c.asked_at.is_not(None), waiting)
        .order_by(payment.c.created_at, payment.c.id)
        .limit(_MOST_PROMPTS)
    )
    async with runtime.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    return [Prompt(row.id, row.direction, Money(row.amount, row.currency)) for row in rows]
