"""Payments that another operator's network carries out, and how far each has come."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

payment = Table(
    "payment",
    metadata,
    Column("id", Uuid, primary_key=True, comment="also what the rail is told: a request sent twice is the same one to it"),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("key", Text, nullable=False, comment="idempotency key of the request"),
    Column("direction", Text, nullable=False, comment="in, out"),
    Column("rail", Text, nullable=False, comment="which network of money: mpesa, ..."),
    Column("phone", Text, nullable=False, comment="E.164"),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False, server_default="0"),
    Column("hold_id", Uuid, comment="what keeps the money of a payment out until the rail has answered"),
    Column("status", Text, nullable=False, server_default="new", comment="new, asked, unanswered, paid, refused"),
    Column("rail_reference", Text, comment="the rail's own name for it"),
    Column("created_at", Moment, nullable=False),
    Column("claimed_at", Moment, comment="when a worker last took it in hand"),
    Column("asked_at", Moment, comment="when the rail took it on; until then it is asked again"),
    Column("answer_by", Moment, nullable=False, comment="who has not answered by then is told of as unanswered"),
    Column("settled_at", Moment),
)
Index("uq_payment_customer_id_key", payment.c.customer_id, payment.c.key, unique=True)
Index("uq_payment_rail_reference", payment.c.rail, payment.c.rail_reference, unique=True)
Index(
    "ix_payment_waiting",
    payment.c.created_at,
    postgresql_where=payment.c.asked_at.is_(None) & payment.c.status.in_(["new", "unanswered"]),
)
Index("ix_payment_answer_by", payment.c.answer_by, postgresql_where=payment.c.status.in_(["new", "asked"]))
Index(
    "ix_payment_out_waiting",
    payment.c.answer_by,
    postgresql_where=(payment.c.direction == "out") & payment.c.status.in_(["new", "asked", "unanswered"]),
)
