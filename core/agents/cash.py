"""Cash over an agent's counter: a top-up turns cash into balance, a withdrawal balance into cash."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

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
from core.ledger import answers, statement, tariffs
from core.ledger.chart import COMMISSIONS, FLOAT, WALLET, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverBalanceLimit, OverDayLimit, OverLimit
from core.ledger.tariffs import Quote
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import CashInOff, WithdrawOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.tables.agents import agent_day

_CASH_IN_COMMISSION, _CASH_OUT_COMMISSION = "cash_in_commission", "cash_out_commission"


@dataclass(frozen=True, slots=True)
class WithdrawalQuote(Quote):
    """What a withdrawal of `amount` costs the customer, and the `commission` that the service pays the agent for it."""

    commission: Money


@dataclass(frozen=True, slots=True)
class CashReceipt:
    """`balance` is the agent's float after a top-up, and the customer's wallet after a withdrawal."""

    reference: str
    agent: Agent
    customer: Customer
    amount: Money
    fee: Money
    balance: Money


@refuses(OwnNumber, UnknownRecipient)
async def get_customer(runtime: Runtime, agent: Agent, phone: str) -> Customer:
    """The customer with this phone (E.164). OwnNumber: it is the agent's own."""
    if phone == agent.customer.phone:
        raise OwnNumber
    customer = await profiles.find(runtime, phone)
    if customer is None:
        raise UnknownRecipient(phone=phones.national(phone))
    return customer


@refuses(get_customer, profiles.check_owner)
async def get_shown(runtime: Runtime, agent: Agent, phone: str, customer_id: UUID | None) -> Customer:
    """`get_customer`, where `customer_id` is the customer whom the agent was shown before her yes."""
    customer = await get_customer(runtime, agent, phone)
    profiles.check_owner(customer, customer_id)
    return customer


@refuses(directory.get_by_number, OwnNumber)
async def get_agent(runtime: Runtime, customer: Customer, number: str) -> Agent:
    """The agent with this number. OwnNumber: it is the customer's own shop."""
    agent = await directory.get_by_number(runtime, number)
    if agent.customer.id == customer.id:
        raise OwnNumber
    return agent


@refuses(CashInOff, tariffs.fee, NotEnoughMoney)
async def check_top_up(runtime: Runtime, agent: Agent, amount: Money) -> None:
    """Checks the amount against today's tariff and the float, before the agent confirms it."""
    tariffs.fee(_CASH_IN_COMMISSION, amount)
    async with runtime.database.autocommit() as connection:
        if await statement.get_available(connection, agent.float_account) < amount:
            raise NotEnoughMoney(needed=amount)


@refuses(KeyConflict)
async def _find_top_up(
    runtime: Runtime, agent: Agent, customer_phone: str, amount: Money, key: str, customer_id: UUID | None
) -> CashReceipt | None:
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, agent.float_account, key, CASH_IN)
        if first is None:
            return None
        credited = first.get_part(WALLET)
        assert credited.owner is not None, first.transfer_id
        customer = await profiles.find_on_record(connection, credited.owner)
    assert customer is not None, credited.owner
    if (customer.phone, credited.amount) != (customer_phone, amount) or customer_id not in (None, customer.id):
        raise KeyConflict
    return CashReceipt(first.reference, agent, customer, amount, first.fee, first.balance(leg=0))


@repeats(_find_top_up)
@refuses(CashInOff, get_shown, tariffs.fee, pins.check_for_payment, NotEnoughMoney, OverBalanceLimit, AccountClosed, KeyConflict)
async def top_up(
    runtime: Runtime,
    *,
    agent: Agent,
    customer_phone: str,
    amount: Money,
    pin: str,
    key: str,
    customer_id: UUID | None = None,
) -> CashReceipt:
    """Moves float to a customer who has paid the agent cash, and tells both; once for each `key`. `pin` is the agent's.

    `customer_id` is who the agent was shown. NewOwner: the number is somebody else's now. OverBalanceLimit: the customer's wallet
    may not hold so much. A repetition gets the first receipt again.
    """
    customer = await get_shown(runtime, agent, customer_phone, customer_id)
    tariffs.fee(_CASH_IN_COMMISSION, amount)
    await pins.check_for_payment(runtime, agent.customer.id, pin)
    country, today = runtime.settings.country, clock.today(runtime.settings.country)
    async with runtime.database.transaction() as connection:
        day = await _lock_day(connection, agent, customer, today)
        commission = _count_commission(day, amount)
        await connection.execute(
            update(agent_day)
            .where(agent_day.c.agent_id == agent.customer.id, agent_day.c.customer_id == customer.id, agent_day.c.day == today)
            .values(deposited=agent_day.c.deposited + amount.minor, commission=agent_day.c.commission + commission.minor)
        )
        transfer = _build_top_up(agent, customer, amount, commission, key)
        answer = await post_one(connection, transfer, country=country, currency=amount.currency, needed=amount)
        if answer.outcome == "repeated":
            await connection.rollback()  # the day has counted it already
    balance = Money(answer.available_minor[0], amount.currency)
    return CashReceipt(ids.reference(answer.transfer_id), agent, customer, amount, Money(0, amount.currency), balance)


@refuses(tariffs.fee)
def price(amount: Money) -> WithdrawalQuote:
    """Quotes a withdrawal by today's tariff."""
    return WithdrawalQuote(amount, tariffs.fee("withdraw", amount), tariffs.fee(_CASH_OUT_COMMISSION, amount).total)


@refuses(WithdrawOff, price, NotEnoughMoney)
async def quote_withdrawal(runtime: Runtime, customer: Customer, amount: Money) -> WithdrawalQuote:
    """Quotes a withdrawal that the balance of now is enough for."""
    quoted = price(amount)
    async with runtime.database.autocommit() as connection:
        if await statement.get_available(connection, customer.wallet) < quoted.total:
            raise NotEnoughMoney(needed=quoted.total)
    return quoted


@refuses(KeyConflict)
async def _find_withdrawal(
    runtime: Runtime, customer: Customer, agent_number: str, amount: Money, key: str
) -> CashReceipt | None:
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, customer.wallet, key, CASH_OUT)
        if first is None:
            return None
        credited = first.get_part(FLOAT)
        assert credited.owner is not None, first.transfer_id
        agent = await directory.get_on_record(connection, credited.owner)
    if (agent.number, credited.amount) != (directory.read_number(agent_number), amount):
        raise KeyConflict
    return CashReceipt(first.reference, agent, customer, amount, first.fee, first.balance(leg=0))


@repeats(_find_withdrawal)
@refuses(
    WithdrawOff,
    get_agent,
    price,
    tariffs.check_agreed,
    pins.check_for_payment,
    NotEnoughMoney,
    OverLimit,
    OverDayLimit,
    AccountClosed,
    KeyConflict,
    Busy,
)
async def withdraw(
    runtime: Runtime,
    *,
    customer: Customer,
    agent_number: str,
    amount: Money,
    pin: str,
    key: str,
    agreed_fee: Money | None = None,
) -> CashReceipt:
    """Moves the customer's money to the agent, who then hands out cash, and tells both; once for each `key`.

    FeeRose: the fee is above `agreed_fee`, which she was shown. A repetition gets the first receipt again. An agent's number is
    hers for good, so it says who was shown.
    """
    agent = await get_agent(runtime, customer, agent_number)
    quoted = price(amount)
    tariffs.check_agreed(quoted.fee, agreed_fee)
    await pins.check_for_payment(runtime, customer.id, pin)
    answer = await runtime.poster.submit(build_withdrawal(customer, agent, quoted, key))
    if not answer.is_done:
        answer.raise_refusal(amount.currency, needed=quoted.total)
    balance = Money(answer.available_minor[0], amount.currency)
    return CashReceipt(ids.reference(answer.transfer_id), agent, customer, amount, quoted.fee, balance)


def build_withdrawal(customer: Customer, agent: Agent, quoted: WithdrawalQuote, key: str) -> Transfer:
    """The transfer of a withdrawal that the customer has confirmed. The first leg is her wallet's."""
    transfer_id = ids.new_id()
    params: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": quoted.amount}
    to_customer = notices.write(customer, texts.WITHDRAWN, name=agent.name, number=agent.number, fee=quoted.fee, **params)
    to_agent = notices.write(
        agent.customer, texts.PAY_CASH, leg=1, name=customer.name, phone=phones.national(customer.phone), **params
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
        notices=(to_customer, to_agent),
    )


def _build_top_up(agent: Agent, customer: Customer, amount: Money, commission: Money, key: str) -> Transfer:
    transfer_id = ids.new_id()
    params: dict[str, Any] = {"reference": ids.reference(transfer_id), "amount": amount, "commission": commission}
    to_agent = notices.write(agent.customer, texts.TOPPED_UP, name=customer.name, phone=phones.national(customer.phone), **params)
    to_customer = notices.write(customer, texts.CASH_RECEIVED, leg=1, name=agent.name, number=agent.number, **params)
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
        notices=(to_agent, to_customer),
        # The commission depends on the day's earlier deposits: the same request, repeated later, would have other legs.
        request=f"{customer.id} {amount.minor} {amount.currency}",
    )


def _commission_legs(agent: Agent, commission: Money) -> tuple[Leg, ...]:
    if not commission.minor:
        return ()
    return (
        Leg(agent.commission_account, commission.minor),
        Leg(SystemAccount(COMMISSIONS, commission.currency), -commission.minor),
    )


async def _lock_day(connection: AsyncConnection, agent: Agent, customer: Customer, day: date) -> Row[tuple[int, int]]:
    """What the customer deposited with the agent on this day, and the commission paid for it, locked until the commit."""
    row = {"agent_id": agent.customer.id, "customer_id": customer.id, "day": day, "deposited": 0, "commission": 0}
    # The update changes nothing: it locks and reads a row that is there already.
    upsert = (
        insert(agent_day)
        .values(row)
        .on_conflict_do_update(
            index_elements=[agent_day.c.agent_id, agent_day.c.customer_id, agent_day.c.day],
            set_={"deposited": agent_day.c.deposited},
        )
    )
    return (await connection.execute(upsert.returning(agent_day.c.deposited, agent_day.c.commission))).one()


def _count_commission(day: Row[tuple[int, int]], amount: Money) -> Money:
    """The commission on all of the day's deposits together, less what was paid: splitting a deposit up earns nothing more."""
    most = tariffs.current(_CASH_IN_COMMISSION, amount.currency).most
    deposited = min(Money(day.deposited + amount.minor, amount.currency), most)
    commission = tariffs.fee(_CASH_IN_COMMISSION, deposited).total
    return Money(max(commission.minor - day.commission, 0), amount.currency)
