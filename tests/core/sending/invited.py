"""What the tests of money for somebody who is not registered have in common."""

from itertools import count

from sqlalchemy import func, select

from core import ids
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.features import CHECKS
from core.ledger import audit, statement
from core.ledger.chart import TRUST, UNCLAIMED, SystemAccount
from core.ledger.post import post_one
from core.ledger.transfer import Leg, Transfer
from core.membership import registration
from core.messaging import notices
from core.money import Money
from core.runtime import Runtime
from core.sending import invitations, transfers
from core.sending.invitations import InvitationReceipt
from core.tables.sending import invitation
from gateway import worker
from tests import pins

ASHA, BARAKA, NJERI, NEEMA = "+254711000001", "+254722000002", "+254733000003", "+254722000111"
ASHA_MINOR = 1_250_000
AMOUNT, FEE = Money(50_000, "KES"), Money(700, "KES")
_keys = count(1)


async def person(runtime: Runtime, phone: str) -> Customer:
    found = await profiles.find(runtime, phone)
    assert found is not None
    return found


async def invite(
    runtime: Runtime, *, sender: str = ASHA, phone: str = NEEMA, amount: Money = AMOUNT, pin: str = pins.RIGHT, key: str = ""
) -> InvitationReceipt | transfers.SendReceipt:
    who = await person(runtime, sender)
    return await invitations.send(runtime, sender=who, phone=phone, amount=amount, pin=pin, key=key or f"key {next(_keys)}")


async def register(runtime: Runtime, phone: str = NEEMA) -> Customer:
    return await registration.register(
        runtime, phone=phone, name="Neema Achieng", national_id="22345678", language="sw", pin=pins.NEW
    )


async def balance_minor(runtime: Runtime, phone: str) -> int:
    return (await wallet.get_balance(runtime, await person(runtime, phone))).minor


async def system_minor(runtime: Runtime, *kinds: str) -> int:
    async with runtime.database.autocommit() as connection:
        return sum([(await statement.get_system_balance(connection, SystemAccount(kind, "KES"))).minor for kind in kinds])


async def states(runtime: Runtime) -> list[str]:
    async with runtime.database.autocommit() as connection:
        return list(await connection.scalars(select(invitation.c.status).order_by(invitation.c.status)))


async def check_books(runtime: Runtime) -> None:
    """Every invariant holds, and what is unclaimed is exactly what the waiting rows say."""
    assert (await audit.verify(runtime.database, checks=CHECKS)).findings == []
    async with runtime.database.autocommit() as connection:
        rows = select(func.coalesce(func.sum(invitation.c.amount), 0)).where(invitation.c.status == "waiting")
        assert await system_minor(runtime, UNCLAIMED) == await connection.scalar(rows)


async def told(runtime: Runtime, phone: str) -> list[str]:
    """What the phone has got by SMS, newest first."""
    while await worker.drain(runtime):
        pass
    return [message.body for message in await notices.list_inbox(runtime, phone)]


async def paid_in(runtime: Runtime, phone: str, minor: int) -> None:
    wallet = (await person(runtime, phone)).wallet
    legs = (Leg(wallet, minor), Leg(SystemAccount(TRUST, "KES"), -minor))
    async with runtime.database.transaction() as connection:
        await post_one(
            connection, Transfer(ids.new_id(), wallet, f"in {next(_keys)}", "deposit", legs), country="KE", currency="KES"
        )
