"""An agent's float, which staff sell to her and buy back, and the commission that she has earned."""

import re
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert

from core import ids
from core.agents import texts
from core.agents.directory import Agent
from core.credentials import pins
from core.errors import BadText, Busy, KeyConflict
from core.ledger import answers, statement
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.post import post_one
from core.ledger.refusals import AccountClosed, NotEnoughMoney, OverLimit
from core.ledger.transfer import Leg, Transfer
from core.messaging import notices
from core.money import Money
from core.operations.refusals import FloatOff
from core.refusing import refuses, repeats
from core.runtime import Runtime
from core.staff import Staff
from core.tables.agents import float_trade

BUY, SELL, TAKE_COMMISSION = "float_buy", "float_sell", "commission"
# A screen has room for no more.
MOST_UNITS = 999_999_999
_REFERENCE = re.compile(r"[\w./ -]{1,40}")


@dataclass(frozen=True, slots=True)
class FloatReceipt:
    """`balance` is the float afterwards. `is_new` is false where the same key or reference was worked off before."""

    reference: str
    amount: Money
    balance: Money
    is_new: bool


async def get_balance(runtime: Runtime, agent: Agent) -> Money:
    """The float that the agent can sell."""
    async with runtime.database.autocommit() as connection:
        return await statement.get_available(connection, agent.float_account)


async def get_commission(runtime: Runtime, agent: Agent) -> Money:
    """The commission that the agent has not taken out yet."""
    async with runtime.database.autocommit() as connection:
        return await statement.get_available(connection, agent.commission_account)


@refuses(KeyConflict)
async def _find_taken(runtime: Runtime, agent: Agent, amount: Money, key: str) -> FloatReceipt | None:
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, agent.commission_account, key, TAKE_COMMISSION)
    if first is None:
        return None
    if first.moved(agent.float_account) != amount:
        raise KeyConflict
    return FloatReceipt(first.reference, amount, first.balance(leg=1), is_new=False)


@repeats(_find_taken)
@refuses(FloatOff, pins.check, NotEnoughMoney, AccountClosed, KeyConflict, Busy)
async def take_commission(runtime: Runtime, *, agent: Agent, amount: Money, pin: str, key: str) -> FloatReceipt:
    """Moves commission to the agent's float; once for each `key`. A repetition gets the first receipt again."""
    await pins.check(runtime, agent.customer.id, pin)
    answer = await runtime.poster.submit(
        Transfer(
            id=ids.new_id(),
            initiator=agent.commission_account,
            key=key,
            kind=TAKE_COMMISSION,
            legs=(Leg(agent.commission_account, -amount.minor), Leg(agent.float_account, amount.minor)),
        )
    )
    if not answer.is_done:
        answer.raise_refusal(amount.currency, needed=amount)
    balance = Money(answer.available_minor[1], amount.currency)
    return FloatReceipt(ids.reference(answer.transfer_id), amount, balance, answer.outcome == "posted")


@refuses(KeyConflict)
async def _find_bought(runtime: Runtime, agent: Agent, amount: Money, reference: str) -> FloatReceipt | None:
    return await _find_trade(runtime, agent, amount, BUY, reference)


@refuses(KeyConflict)
async def _find_sold(runtime: Runtime, agent: Agent, amount: Money, reference: str) -> FloatReceipt | None:
    return await _find_trade(runtime, agent, amount, SELL, reference)


async def _find_trade(runtime: Runtime, agent: Agent, amount: Money, kind: str, reference: str) -> FloatReceipt | None:
    if not _REFERENCE.fullmatch(reference.strip()):
        return None
    async with runtime.database.autocommit() as connection:
        first = await answers.find(connection, agent.float_account, _trade_key(kind, reference), kind)
    if first is None:
        return None
    if abs(first.moved(agent.float_account).minor) != amount.minor:
        raise KeyConflict
    return FloatReceipt(first.reference, amount, first.balance(leg=0), is_new=False)


@repeats(_find_bought)
@refuses(FloatOff, BadText, OverLimit, AccountClosed, KeyConflict)
async def buy(runtime: Runtime, agent: Agent, amount: Money, *, reference: str, by: Staff) -> FloatReceipt:
    """Adds float for money that has reached the bank; once for each `reference` of the bank's.

    BadText: the reference. KeyConflict: the reference was for another agent or amount.
    """
    return await _trade(runtime, agent, amount, BUY, reference, by)


@repeats(_find_sold)
@refuses(FloatOff, buy, NotEnoughMoney)
async def sell(runtime: Runtime, agent: Agent, amount: Money, *, reference: str, by: Staff) -> FloatReceipt:
    """Takes float for money that the bank pays the agent; once for each `reference` of the bank's."""
    return await _trade(runtime, agent, amount, SELL, reference, by)


async def _trade(runtime: Runtime, agent: Agent, amount: Money, kind: str, reference: str, by: Staff) -> FloatReceipt:
    reference = reference.strip()
    if not _REFERENCE.fullmatch(reference):
        raise BadText
    if amount > (most := Money.of_units(MOST_UNITS, amount.currency)):
        raise OverLimit(most=most)
    transfer = _build_trade(agent, amount, kind, reference)
    async with runtime.database.transaction() as connection:
        row = {"transfer_id": transfer.id, "kind": kind, "reference": reference, "done_by": by.name}
        statement = (
            insert(float_trade).values(row).on_conflict_do_nothing(index_elements=[float_trade.c.kind, float_trade.c.reference])
        )
        is_new = await connection.scalar(statement.returning(float_trade.c.transfer_id)) is not None
        country = runtime.settings.country
        answer = await post_one(connection, transfer, country=country, currency=amount.currency, needed=amount)
        if (answer.outcome == "posted") is not is_new:
            raise KeyConflict  # the reference was worked off before, for another agent
    return FloatReceipt(ids.reference(answer.transfer_id), amount, Money(answer.available_minor[0], amount.currency), is_new)


def _build_trade(agent: Agent, amount: Money, kind: str, reference: str) -> Transfer:
    minor = amount.minor if kind == BUY else -amount.minor
    transfer_id = ids.new_id()
    text = texts.FLOAT_BOUGHT if kind == BUY else texts.FLOAT_SOLD
    notice = notices.write(agent.customer, text, reference=ids.reference(transfer_id), amount=amount)
    return Transfer(
        id=transfer_id,
        initiator=agent.float_account,
        key=_trade_key(kind, reference),
        kind=kind,
        legs=(Leg(agent.float_account, minor), Leg(SystemAccount(TRUST, amount.currency), -minor)),
        notices=(notice,),
    )


def _trade_key(kind: str, reference: str) -> str:
    return f"{kind}:{reference.strip()}"
