"""Covers that customers bought, and their claims."""

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

policy = Table(
    "policy",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("product", Text, nullable=False, comment="the product's key"),
    Column("transfer_id", Uuid, nullable=False, unique=True, comment="what first paid for it"),
    Column("currency", Text, nullable=False),
    Column("price", BigInteger, nullable=False, comment="a term's, as it was bought"),
    Column("cover", BigInteger, nullable=False, comment="the most that a claim pays"),
    Column("starts", Date, nullable=False),
    Column("waits_until", Date, nullable=False, comment="what happened before this day is not covered"),
    Column("ends", Date, nullable=False, comment="the first day without cover, unless renewed"),
    Column("renews", Boolean, nullable=False, comment="by itself"),
    Column("status", Text, nullable=False, server_default="active", comment="active, grace (ended, may still be paid), ended"),
    Column("created_at", Moment, nullable=False),
)
Index(
    "uq_policy_customer_id_product",
    policy.c.customer_id,
    policy.c.product,
    unique=True,
    postgresql_where=policy.c.status != "ended",
)
Index("ix_policy_ends", policy.c.ends, postgresql_where=policy.c.status != "ended")

claim = Table(
    "claim",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False, unique=True, comment="six digits, what people say to one another"),
    Column("policy_id", Uuid, ForeignKey(policy.c.id), nullable=False),
    Column("key", Text, nullable=False, comment="idempotency key of the request"),
    Column("reason", Text, nullable=False),
    Column("happened", Date, nullable=False),
    Column("status", Text, nullable=False, server_default="waiting", comment="waiting, paid, declined"),
    Column("paid", BigInteger, comment="minor units of the policy's currency"),
    Column("decided_by", Text),
    Column("decision", Text, comment="why it was declined"),
    Column("created_at", Moment, nullable=False),
    Column("decided_at", Moment),
)
Index("uq_claim_policy_id_key", claim.c.policy_id, claim.c.key, unique=True)
Index("ix_claim_waiting", claim.c.created_at, postgresql_where=claim.c.status == "waiting")
