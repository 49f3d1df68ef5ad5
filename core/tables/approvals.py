"""Requests that wait for a customer's approval."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, Uuid

from core.tables.agents import agent
from core.tables.base import Moment, metadata
from core.tables.customers import customer

# Requested by an agent, or by SMS: nothing happens until the customer approves it on her phone, with her PIN.
approval = Table(
    "approval",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False, comment="whose yes it needs"),
    Column("kind", Text, nullable=False, comment="agent_withdrawal, send"),
    Column("key", Text, nullable=False, comment="idempotency key of the request"),
    Column("agent_id", Uuid, ForeignKey(agent.c.customer_id)),
    Column("recipient_phone", Text, comment="E.164"),
    Column("recipient_id", Uuid, comment="the customer who was shown: the number may get another owner"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("status", Text, nullable=False, server_default="waiting", comment="waiting, approved, refused, expired"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("answered_at", Moment),
)
Index("uq_approval_customer_id_key", approval.c.customer_id, approval.c.key, unique=True)
Index("ix_approval_waiting", approval.c.customer_id, postgresql_where=approval.c.status == "waiting")
Index("ix_approval_expires_at", approval.c.expires_at, postgresql_where=approval.c.status == "waiting")
