"""An agent asks to pay a customer out: it waits for her yes (core/approvals.py)."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import approvals, phones
from core.agents import cash, directory, texts
from core.agents.directory import Agent
from core.approvals import Carrier, Request
from core.credentials import pins
from core.customers.profiles import Customer
from core.errors import RequestWaits, UnknownAgent
from core.ledger.transfer import Transfer
from core.messaging import notices
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.agents import agent as agent_table

REQUEST_KIND = "agent_withdrawal"


@refuses(cash.find_customer, cash.price, pins.check, approvals.find, RequestWaits)
async def ask(runtime: Runtime, *, agent: Agent, customer_phone: str, amount: Money, pin: str, key: str) -> Customer:
    """An agent asks to pay a customer out: she is told by SMS and answers on her phone. Once for each `key`; returns her.

    RequestWaits: she has not answered this agent's last request.
    """
    customer = await cash.find_customer(runtime, agent, customer_phone)
    quoted = cash.price(amount)
    await pins.check(runtime, agent.customer.id, pin)
    wanted: dict[str, Any] = {
        "kind": REQUEST_KIND,
        "key": f"{agent.number}:{key}",
        "amount": amount,
        "agent_id": agent.customer.id,
    }
    async with runtime.database.transaction() as connection:
        # One request of an agent's at a time: the next one sees what this one has written.
        own = select(agent_table.c.number).where(agent_table.c.customer_id == agent.customer.id)
        await connection.execute(own.with_for_update(key_share=True))
        if await approvals.find(connection, customer, **wanted) is not None:
            return customer
        if await approvals.count_waiting(connection, customer, REQUEST_KIND, agent_id=agent.customer.id):
            raise RequestWaits
        await approvals.add(connection, customer, **wanted)
        said: dict[str, Any] = {"name": agent.name, "number": agent.number, "amount": amount, "fee": quoted.fee}
        await notices.tell(runtime, connection, customer, texts.APPROVAL_ASKED, **said)
    return customer


async def _transfer(runtime: Runtime, customer: Customer, request: Request) -> Transfer:
    assert request.agent_id is not None, request.id
    async with runtime.database.autocommit() as connection:
        agent = await directory.load(connection, request.agent_id)
    return cash.withdrawal(customer, agent, cash.price(request.amount), approvals.key_of(request.id))


async def _refused(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request) -> None:
    await _tell_agent(runtime, connection, customer, request, texts.APPROVAL_REFUSED)


async def _expired(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request) -> None:
    await _tell_agent(runtime, connection, customer, request, texts.APPROVAL_EXPIRED)


async def _tell_agent(runtime: Runtime, connection: AsyncConnection, customer: Customer, request: Request, text: str) -> None:
    assert request.agent_id is not None, request.id
    try:
        agent = await directory.load(connection, request.agent_id)
    except UnknownAgent:
        return  # the shop has closed its account since
    said: dict[str, Any] = {"name": customer.name, "phone": phones.national(customer.phone), "amount": request.amount}
    await notices.tell(runtime, connection, agent.customer, text, **said)


CARRIER = Carrier(REQUEST_KIND, cash.price, _transfer, _refused, _expired)
