"""Savings goals. Each goal's money is in the ledger account with the same id."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, ForeignKey, Index, SmallInteger, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

goal = Table(
    "goal",
    metadata,
    Column("id", Uuid, primary_key=True, comment="the ledger account's"),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("name", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("target", BigInteger, nullable=False),
    Column("due", Date, comment="when it should be reached"),
    Column("is_locked", Boolean, nullable=False, server_default="false", comment="nothing comes out before `due`"),
    Column("rule", Text, comment="saves by itself: weekly, monthly"),
    Column("rule_amount", BigInteger),
    Column("rule_next", Date, comment="the next day on which it saves"),
    Column("rule_day", SmallInteger, comment="the day of the month that it keeps to, where a month has it"),
    Column("status", Text, nullable=False, server_default="open", comment="open, closed"),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("NOT is_locked OR due IS NOT NULL", name="locked_until"),
    CheckConstraint("(rule IS NULL) = (rule_amount IS NULL) AND (rule IS NULL) = (rule_next IS NULL)", name="rule"),
)
_is_open = goal.c.status == "open"
Index("ix_goal_customer_id", goal.c.customer_id, postgresql_where=_is_open)
Index("ix_goal_rule_next", goal.c.rule_next, postgresql_where=_is_open)
Index("ix_goal_due", goal.c.due, postgresql_where=_is_open)
