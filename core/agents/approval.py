"""An agent's request to pay a customer out. It waits for her approval (core/approvals/consent.py)."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, phones
from core.agents import cash, directory, texts
from core.agents.directory import Agent
from core.approvals import consent
from core.approvals.consent import Carrier, Request
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.errors import KeyConflict, RequestWaits, UnknownAgent
from core.ledger.transfer import Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import WithdrawOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.agents import agent as agent_table

REQUEST_KIND = "agent_withdrawal"
_ASKED = "agent asked"


@refuses(consent.find)
async def _find_asked(
    runtime: Runtime, agent: Agent, customer_phone: str, amount: Money, key: str, customer_id: UUID | None
) -> Customer | None:
    if customer_id is None:
        owner = await profiles.find(runtime, customer_phone)
        customer_id = None if owner is None else owner.id
    async with runtime.database.autocommit() as connection:
        customer = None if customer_id is None else await profiles.find_on_record(connection, customer_id)
        if customer is None or await consent.find(connection, customer, **_request(agent, amount, key)) is None:
            return None
    return customer


@repeats(_find_asked)
@refuses(WithdrawOff, cash.get_shown, cash.price, pins.check, consent.find, RequestWaits)
async def ask(
    runtime: Runtime,
    *,
    agent: Agent,
    customer_phone: str,
    amount: Money,
    pin: str,
    key: str,
    customer_id: UUID | None = None,
) -> Customer:
    """Asks a customer by SMS to approve a withdrawal at this agent; once for each `key`. Answers with the customer.

    `pin` is the agent's, `customer_id` who she was shown. NewOwner: the number is somebody else's now. KeyConflict: also where
    the key was for another customer. RequestWaits: the customer has not answered this agent's last request.
    """
    customer = await cash.get_shown(runtime, agent, customer_phone, customer_id)
    quoted = cash.price(amount)
    await pins.check(runtime, agent.customer.id, pin)
    request = _request(agent, amount, key)
    async with runtime.database.transaction() as connection:
        # The agent's row is the lock: of two requests at once the second sees the first.
        row = select(agent_table.c.number).where(agent_table.c.customer_id == agent.customer.id)
        await connection.execute(row.with_for_update(key_share=True))
        if await consent.find(connection, customer, **request) is not None:
            return customer
        if await consent.count_waiting(connection, customer, REQUEST_KIND, agent_id=agent.customer.id):
            raise RequestWaits
        # Requests are found by their customer: the agent's key stands for no request to another.
        if not await chores.mark_done(connection, agent.customer.id, _ASKED, key):
            raise KeyConflict
        await consent.add(connection, customer, **request)
        params: dict[str, Any] = {"name": agent.name, "number": agent.number, "amount": amount, "fee": quoted.fee}
        await notices.tell(runtime, connection, customer, texts.APPROVAL_ASKED, **params)
    return customer


def _request(agent: Agent, amount: Money, key: str) -> dict[str, Any]:
    return {"kind": REQUEST_KIND, "key": f"{agent.number}:{key}", "amount": amount, "agent_id": agent.customer.id}


@refuses(WithdrawOff, directory.get_by_id, cash.price)
async def _build_transfer(runtime: Runtime, customer: Customer, request: Request) -> Transfer:
    assert request.agent_id is not None, request.id
    async with runtime.database.autocommit() as connection:
        agent = await directory.get_by_id(connection, request.agent_id)
    return cash.build_withdrawal(customer, agent, cash.price(request.amount), consent.key_of(request.id))


async def _tell_refused(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request) -> None:
    await _tell_agent(runtime, connection, customer, request, texts.APPROVAL_REFUSED)


async def _tell_expired(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request) -> None:
    await _tell_agent(runtime, connection, customer, request, texts.APPROVAL_EXPIRED)


async def _tell_agent(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request, text: str) -> None:
    assert request.agent_id is not None, request.id
    try:
        agent = await directory.get_by_id(connection, request.agent_id)
    except UnknownAgent:
        return  # the agent has closed her account since
    params: dict[str, Any] = {"name": customer.name, "phone": phones.national(customer.phone), "amount": request.amount}
    await notices.tell(runtime, connection, agent.customer, text, **params)


CARRIER = Carrier(REQUEST_KIND, cash.price, _build_transfer, _tell_refused, _tell_expired)
