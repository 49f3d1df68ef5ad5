"""SMS to customers, how they leave, and SMS that come in.

The text of an SMS that came in is kept nowhere: it may have held a PIN.
"""

from sqlalchemy import Column, Index, SmallInteger, Table, Text, Uuid

from core.tables.base import Moment, metadata

# In periods of time, by its id (`core/retention/periods.sql`).
outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("transfer_id", Uuid),
    Column("phone", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("body", Text, nullable=False, comment="in the reader's language already"),
    Column("code_id", Uuid, comment="the one-time code that stands for {code} in the body when it is sent"),
    # The ledger writes receipts and leaves these two out, so their defaults are a receipt's.
    Column("kind", Text, nullable=False, server_default="receipt", comment="code, security, receipt, reminder"),
    Column("priority", SmallInteger, nullable=False, server_default="2", comment="the kind's; the least goes first"),
    Column(
        "status",
        Text,
        nullable=False,
        server_default="queued",
        comment="queued, sending, unsure, sent, delivered, undelivered, failed, expired, suppressed",
    ),
    Column("attempts", SmallInteger, nullable=False, server_default="0", comment="how often it was handed to a provider"),
    Column("next_at", Moment, comment="not before then; null: at once"),
    Column("provider", Text, comment="who carried it"),
    Column("created_at", Moment, nullable=False),
    Column("claimed_at", Moment, comment="when a worker last took it in hand"),
    Column("delivered_at", Moment),
    postgresql_partition_by="RANGE (id)",
)
_in_turn = (outbox.c.priority, outbox.c.created_at, outbox.c.id)
_is_waiting = outbox.c.status.in_(("queued", "unsure"))
Index("ix_outbox_waiting", *_in_turn, postgresql_where=_is_waiting)
Index("ix_outbox_turn", outbox.c.phone, *_in_turn, postgresql_where=_is_waiting)
Index("ix_outbox_sending", outbox.c.phone, postgresql_where=outbox.c.status == "sending")
Index("ix_outbox_phone", outbox.c.phone, outbox.c.created_at)

# Committed before the provider is called: a message whose attempt a crash leaves without an outcome may have been sent.
#
# In the period of its message. A key over all periods would have to hold the message's id too, so each period has its own: `id`
# is its primary key, and `outbox_id` is one of the messages of the same period.
sms_attempt = Table(
    "sms_attempt",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("outbox_id", Uuid, nullable=False),
    Column("number", SmallInteger, nullable=False, comment="1, 2, 3 ... for each message"),
    Column("phone", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("parts", SmallInteger, nullable=False, comment="how many SMS it is paid as"),
    Column("begun_at", Moment, nullable=False),
    Column("outcome", Text, comment="sent, barred, refused, away, unsure; null: under way"),
    Column("code", Text, comment="the provider's own word for the outcome"),
    Column("provider_id", Text, comment="the provider's name for it"),
    Column("cost", Text, comment="as the provider reports it: KES 0.8000"),
    Column("answered_at", Moment),
    Column("reported", Text, comment="by the delivery report: sent, undelivered, delivered; only forward"),
    Column("reported_at", Moment),
    Column("reason", Text, comment="the delivery report's, where it did not arrive"),
    postgresql_partition_by="RANGE (outbox_id)",
)
Index("uq_sms_attempt_outbox_id_number", sms_attempt.c.outbox_id, sms_attempt.c.number, unique=True)
Index("ix_sms_attempt_provider_id", sms_attempt.c.provider_id, postgresql_where=sms_attempt.c.provider_id.is_not(None))
Index("ix_sms_attempt_unnamed", sms_attempt.c.phone, postgresql_where=sms_attempt.c.provider_id.is_(None))

# Delivery reports whose attempt was unknown when they came: earlier than the provider's answer, or instead of it.
sms_report = Table(
    "sms_report",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("provider_id", Text, primary_key=True),
    Column("reported", Text, primary_key=True, comment="sent, undelivered, delivered"),
    Column("phone", Text, comment="E.164"),
    Column("reason", Text),
    Column("fault", Text, comment="recipient, opt_out; null: the way to the phone"),
    Column("received_at", Moment, nullable=False),
    Column("attempt_id", Uuid, comment="whose it turned out to be"),
)
Index("ix_sms_report_phone", sms_report.c.phone, postgresql_where=sms_report.c.attempt_id.is_(None))
Index("ix_sms_report_received_at", sms_report.c.received_at)

# The providers' health, as all workers see it. `weight` may be changed at any time; 0: only where no other provider can.
sms_provider = Table(
    "sms_provider",
    metadata,
    Column("name", Text, primary_key=True),
    Column("weight", SmallInteger, nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default="0", comment="in a row"),
    Column("rests", SmallInteger, nullable=False, server_default="0", comment="in a row; each is longer than the one before"),
    Column("rested_until", Moment),
    Column("probed_at", Moment, comment="when one message was last tried on it after a rest"),
)

opt_out = Table(
    "opt_out",
    metadata,
    Column("phone", Text, primary_key=True, comment="E.164"),
    Column("source", Text, nullable=False, comment="who told us: sms, africastalking, twilio, ..."),
    Column("since", Moment, nullable=False),
    Column("ended_at", Moment, comment="when its owner wanted our notices again"),
)

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
Index("ix_sms_inbound_received_at", inbound.c.received_at)

# What a provider brought and nobody could handle. Never what was written: it may have held a PIN.
sms_aside = Table(
    "sms_aside",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("way", Text, primary_key=True, comment="sms, report, opt-out"),
    Column("provider_id", Text, primary_key=True, comment="the provider's name for it; of an opt-out the number"),
    Column("status", Text, primary_key=True, comment="what a report tells, in the provider's word; else empty"),
    Column("reason", Text, primary_key=True, comment="failed, status, sender"),
    Column("detail", Text, nullable=False, comment="the exception's kind and place, the status, or the sender"),
    Column("times", SmallInteger, nullable=False, comment="how often it has come or failed"),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("aside_at", Moment, comment="null: it failed, and may come again"),
)
Index("ix_sms_aside_last_at", sms_aside.c.last_at)
Index("ix_sms_aside_reason", sms_aside.c.reason, sms_aside.c.provider, sms_aside.c.detail)
