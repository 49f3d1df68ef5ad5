"""The demo people of a developer's machine. Loading them twice is harmless."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.errors import AlreadyRegistered
from core.ledger.chart import FLOAT, TRUST, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.runtime import Runtime
from core.services import customers
from core.tables.ledger import account

PIN = "4826"


@dataclass(frozen=True, slots=True)
class Person:
    phone: str
    name: str
    language: str
    national_id: str
    balance_minor: int = 0
    float_minor: int = 0


PEOPLE = (
    Person("+254711000001", "Asha Wanjiku", "en", "22345601", balance_minor=1_250_000),
    Person("+254722000002", "Baraka Otieno", "sw", "22345602", balance_minor=320_000),
    Person("+254733000003", "Mama Njeri Shop", "en", "22345603", float_minor=10_000_000),
)


async def load(runtime: Runtime) -> None:
    """Makes the demo people what they should be at the start. What they have done since stays as it is."""
    for person in PEOPLE:
        try:
            await customers.register(
                runtime,
                phone=person.phone,
                name=person.name,
                national_id=person.national_id,
                language=person.language,
                pin=PIN,
            )
        except AlreadyRegistered:
            continue
    for person in PEOPLE:
        customer = await customers.find(runtime, person.phone)
        assert customer is not None
        async with runtime.database.transaction() as connection:
            wishes = []
            if person.balance_minor:
                wishes.append(_paid_in(customer.wallet, Money(person.balance_minor, customer.currency)))
            if person.float_minor:
                wishes.append(_paid_in(await _float(connection, customer), Money(person.float_minor, customer.currency)))
            answers = await post(connection, wishes, runtime.settings.country)
            assert all(answer.is_done for answer in answers), answers


async def _float(connection: AsyncConnection, customer: customers.Customer) -> UUID:
    found: UUID | None = await connection.scalar(
        select(account.c.id).where(account.c.owner == customer.id, account.c.kind == FLOAT)
    )
    if found is not None:
        return found
    opened = uuid4()
    await connection.execute(
        insert(account).values(
            id=opened, owner=customer.id, kind=FLOAT, currency=customer.currency, floor=0, created_at=clock.now()
        )
    )
    return opened


def _paid_in(into: UUID, amount: Money) -> Transfer:
    """Cash that reached the bank before the service began."""
    return Transfer(
        id=ids.new_id(),
        initiator=into,
        key="demo",
        kind="deposit",
        legs=(Leg(into, amount.minor), Leg(SystemAccount(TRUST, amount.currency), -amount.minor)),
    )
