"""Cash over an agent's counter: into balance (top-up), and balance into cash (withdrawal)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids, phones
from core.agents import directory, texts
from core.agents.directory import CASH_IN, CASH_OUT, Agent
from core.credentials import pins
from core.customers import profiles
from core.customers.profiles import Customer
from core.customers.refusals import OwnNumber, UnknownRecipient
from core.errors import Busy, KeyConflict
from core.ledger import statement, tariffs
from core.ledger.chart import COMMISSIONS, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.tariffs import Fee
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.agents import agent_day

_CASH_IN_COMMISSION, _CASH_OUT_COMMISSION = "cash_in_commission", "cash_out_commission"


@dataclass(frozen=True, slots=True)
class Quote:
    """What a withdrawal of `amount` would cost now: `charged` says how the fee is divided. `commission` is the agent's."""

    amount: Money
    charged: Fee
    commission: Money

    @property
    def fee(self) -> Money:
        return self.charged.total

    @property
    def total(self) -> Money:
        return self.amount + self.fee


@dataclass(frozen=True, slots=True)
class Receipt:
    """`balance` is that of whoever asked: the agent's float after a top-up, the customer's wallet after a withdrawal."""

    reference: str
    agent: Agent
    customer: Customer
    amount: Money
    fee: Money
    balance: Money


@refuses(OwnNumber, UnknownRecipient)
async def find_customer(runtime: Runtime, agent: Agent, phone: str) -> Customer:
    """Who stands at the agent's counter."""
    if phone == agent.customer.phone:
        raise OwnNumber
    customer = await profiles.find(runtime, phone)
    if customer is None:
        raise UnknownRecipient(phone=phones.national(phone))
    return customer


@refuses(directory.by_number, OwnNumber)
async def find_agent(runtime: Runtime, customer: Customer, number: str) -> Agent:
    """At whose counter the customer stands."""
    agent = await directory.by_number(runtime, number)
    if agent.customer.id == customer.id:
        raise OwnNumber
    return agent


@refuses(tariffs.fee, NotEnoughMoney)
async def quote_top_up(runtime: Runtime, agent: Agent, amount: Money) -> Money:
    """The amount, if it may be topped up now; NotEnoughMoney by the float of now."""
    tariffs.fee(_CASH_IN_COMMISSION, amount)
    async with runtime.database.autocommit() as connection:
        if await statement.available(connection, agent.float_account) < amount:
            raise NotEnoughMoney(needed=amount)
    return amount


@refuses(find_customer, tariffs.fee, pins.check_for_payment, NotEnoughMoney, OverBalanceLimit, AccountClosed, KeyConflict)
async def top_up(runtime: Runtime, *, agent: Agent, customer_phone: str, amount: Money, pin: str, key: str) -> Receipt:
    """Moves the agent's float to a customer who has paid cash, and tells both; once for each `key`, by the agent's PIN.

    OverBalanceLimit: by the limit of the customer's wallet.
    """
    customer = await find_customer(runtime, agent, customer_phone)
    tariffs.fee(_CASH_IN_COMMISSION, amount)
    await pins.check_for_payment(runtime, agent.customer.id, pin)
    country, today = runtime.settings.country, clock.today(runtime.settings.country)
    async with runtime.database.transaction() as connection:
        day = await _lock_day(connection, agent, customer, today)
        commission = _earned(day, amount)
        wish = _top_up(agent, customer, amount, commission, key)
        answer = await post_one(connection, wish, country=country, currency=amount.currency, needed=amount)
        if answer.outcome == "posted":
            await connection.execute(
                update(agent_day)
                .where(
                    agent_day.c.agent_id == agent.customer.id, agent_day.c.customer_id == customer.id, agent_day.c.day == today
                )
                .values(deposited=agent_day.c.deposited + amount.minor, commission=agent_day.c.commission + commission.minor)
            )
    left = Money(answer.available_minor[0], amount.currency)
    return Receipt(ids.reference(answer.transfer_id), agent, customer, amount, Money(0, amount.currency), left)


@refuses(tariffs.fee)
def price(amount: Money) -> Quote:
    """What withdrawing costs by today's tariff."""
    return Quote(amount, tariffs.fee("withdraw", amount), tariffs.fee(_CASH_OUT_COMMISSION, amount).total)


@refuses(price, NotEnoughMoney)
async def quote_withdrawal(runtime: Runtime, customer: Customer, amount: Money) -> Quote:
    """The fee, before anything is asked for; NotEnoughMoney by the balance of now."""
    quoted = price(amount)
    async with runtime.database.autocommit() as connection:
        if await statement.available(connection, customer.wallet) < quoted.total:
            raise NotEnoughMoney(needed=quoted.total)
    return quoted


@refuses(find_agent, price, pins.check_for_payment, NotEnoughMoney, OverLimit, OverDayLimit, AccountClosed, KeyConflict, Busy)
async def withdraw(runtime: Runtime, *, customer: Customer, agent_number: str, amount: Money, pin: str, key: str) -> Receipt:
    """Moves a customer's money to the agent who then hands out cash, and tells both; once for each `key`, by the customer's
    PIN."""
    agent = await find_agent(runtime, customer, agent_number)
    quoted = price(amount)
    await pins.check_for_payment(runtime, customer.id, pin)
    answer = await runtime.poster.submit(withdrawal(customer, agent, quoted, key))
    if not answer.is_done:
        answer.raise_refusal(amount.currency, needed=quoted.total)
    left = Money(answer.available_minor[0], amount.currency)
    return Receipt(ids.reference(answer.transfer_id), agent, customer, amount, quoted.fee, left)


def withdrawal(customer: Customer, agent: Agent, quoted: Quote, key: str) -> Transfer:
    """The transfer itself, for whoever has the customer's yes. Its first leg is her wallet's."""
    transfer_id = ids.new_id()
    said: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": quoted.amount}
    paid_out = notices.write(customer, texts.WITHDRAWN, name=agent.name, number=agent.number, fee=quoted.fee, **said)
    to_pay = notices.write(
        agent.customer, texts.PAY_CASH, leg=1, name=customer.name, phone=phones.national(customer.phone), **said
    )
    return Transfer(
        id=transfer_id,
        initiator=customer.wallet,
        key=key,
        kind=CASH_OUT,
        legs=(
            Leg(customer.wallet, -quoted.total.minor),
            Leg(agent.float_account, quoted.amount.minor),
            *quoted.charged.legs,
            *_commission_legs(agent, quoted.commission),
        ),
        limited_minor=quoted.amount.minor,
        notices=(paid_out, to_pay),
    )


def _top_up(agent: Agent, customer: Customer, amount: Money, commission: Money, key: str) -> Transfer:
    transfer_id = ids.new_id()
    said: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": amount}
    sold = notices.write(
        agent.customer, texts.TOPPED_UP, name=customer.name, phone=phones.national(customer.phone), commission=commission, **said
    )
    received = notices.write(customer, texts.CASH_RECEIVED, leg=1, name=agent.name, number=agent.number, **said)
    return Transfer(
        id=transfer_id,
        initiator=agent.float_account,
        key=key,
        kind=CASH_IN,
        legs=(
            Leg(agent.float_account, -amount.minor),
            Leg(customer.wallet, amount.minor),
            *_commission_legs(agent, commission),
        ),
        limited_minor=amount.minor,
        notices=(sold, received),
        # The commission grows with the day: the same request a minute later would have other legs.
        asked=f"{customer.id} {amount.minor} {amount.currency}",
    )


def _commission_legs(agent: Agent, commission: Money) -> tuple[Leg, ...]:
    if not commission.minor:
        return ()
    return (
        Leg(agent.commission_account, commission.minor),
        Leg(SystemAccount(COMMISSIONS, commission.currency), -commission.minor),
    )


async def _lock_day(connection: AsyncConnection, agent: Agent, customer: Customer, day: date) -> Row[tuple[int, int]]:
    """What the agent has deposited to the customer today and earned by it; nobody else changes it before the commit."""
    row = {"agent_id": agent.customer.id, "customer_id": customer.id, "day": day, "deposited": 0, "commission": 0}
    begun = insert(agent_day).values(row)
    # An update that changes nothing is how a row that is there already is locked and read.
    locked = begun.on_conflict_do_update(
        index_elements=[agent_day.c.agent_id, agent_day.c.customer_id, agent_day.c.day],
        set_={"deposited": agent_day.c.deposited},
    )
    return (await connection.execute(locked.returning(agent_day.c.deposited, agent_day.c.commission))).one()


def _earned(day: Row[tuple[int, int]], amount: Money) -> Money:
    """The commission of all of the day's deposits together, less what was paid: splitting one up earns nothing more."""
    most = tariffs.current(_CASH_IN_COMMISSION, amount.currency).most
    together = min(Money(day.deposited + amount.minor, amount.currency), most)
    earned = tariffs.fee(_CASH_IN_COMMISSION, together).total
    return Money(max(earned.minor - day.commission, 0), amount.currency)
