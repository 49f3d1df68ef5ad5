"""Orders that came by SMS and wait for their one-time code."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.credentials import one_time_code
from core.tables.customers import customer

order = Table(
    "sms_order",
    metadata,
    Column("id", Uuid, ForeignKey(one_time_code.c.id), primary_key=True, comment="of the code that confirms it"),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("kind", Text, nullable=False, comment="send, save"),
    Column("recipient_phone", Text, comment="E.164"),
    Column("recipient_id", Uuid, comment="the customer who was shown: the number may get another owner"),
    Column("goal_id", Uuid),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, comment="that was shown: an order that costs more by now is not carried out"),
    Column("created_at", Moment, nullable=False),
    Column("done_at", Moment, comment="when it was carried out, or refused"),
)
Index("ix_sms_order_customer_id", order.c.customer_id, order.c.created_at)
