"""What came in by SMS, and what waits for its one-time code. What an SMS said is kept nowhere: it may have held a PIN."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.people import customer, one_time_code

inbound = Table(
    "sms_inbound",
    metadata,
    Column("provider", Text, primary_key=True),
    Column(
        "provider_id", Text, primary_key=True, comment="the provider's name for it: one that it delivers twice is answered once"
    ),
    Column("phone", Text, nullable=False, comment="E.164, as the provider says; proves nothing"),
    Column("received_at", Moment, nullable=False),
    Column("claimed_at", Moment, nullable=False, comment="when it was last taken in hand"),
    Column("answered_at", Moment),
    Column("verb", Text, comment="which command it was understood as"),
)
Index("ix_sms_inbound_phone", inbound.c.phone, inbound.c.received_at)

order = Table(
    "sms_order",
    metadata,
    Column("id", Uuid, ForeignKey(one_time_code.c.id), primary_key=True, comment="of the code that confirms it"),
    Column("customer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("kind", Text, nullable=False, comment="send, save"),
    Column("recipient_phone", Text, comment="E.164"),
    Column("goal_id", Uuid),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("done_at", Moment, comment="when it was carried out, or refused"),
)
Index("ix_sms_order_customer_id", order.c.customer_id, order.c.created_at)
