"""Agents, and the float that staff sold to them."""

from sqlalchemy import BigInteger, Column, Date, ForeignKey, Index, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

agent = Table(
    "agent",
    metadata,
    Column("customer_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("number", Text, nullable=False, unique=True, comment="six digits, what customers type"),
    Column("name", Text, nullable=False, comment="of the shop"),
    Column("place", Text, nullable=False, comment="as people there call it"),
    Column("created_at", Moment, nullable=False),
)

# Deposits by one agent to one customer on one day count together: splitting a deposit up earns no more commission.
agent_day = Table(
    "agent_day",
    metadata,
    Column("agent_id", Uuid, ForeignKey(agent.c.customer_id), primary_key=True),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("deposited", BigInteger, nullable=False),
    Column("commission", BigInteger, nullable=False, comment="paid for those deposits"),
)

# Float that staff sold to agents and bought back. A reference of the bank's counts once, whichever agent is named with it.
float_trade = Table(
    "float_trade",
    metadata,
    Column("transfer_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False, comment="float_buy, float_sell"),
    Column("reference", Text, nullable=False, comment="the bank's"),
    Column("done_by", Text, nullable=False),
)
Index("uq_float_trade_kind_reference", float_trade.c.kind, float_trade.c.reference, unique=True)
