"""Jobs, applications, and the ratings that employer and worker give each other."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, Uuid

from core.tables.base import Moment, metadata
from core.tables.customers import customer

job = Table(
    "job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column(
        "number", Integer, nullable=False, unique=True, comment="five digits (six once those are taken), what people type and say"
    ),
    Column("employer_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("key", Text, nullable=False, comment="idempotency key of the request"),
    Column("category", Text, nullable=False, comment="the category's key"),
    Column("place", Text, nullable=False, comment="as people there call it"),
    Column("title", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("pay", BigInteger, nullable=False),
    Column(
        "status",
        Text,
        nullable=False,
        server_default="open",
        comment="open, hired, finished (says the worker), disputed, paid, refunded, cancelled, expired",
    ),
    Column("worker_id", Uuid, ForeignKey(customer.c.id), comment="who was hired"),
    Column("escrow", Uuid, comment="the ledger account that keeps the pay"),
    Column("decided_by", Text, comment="the staff who settled a dispute"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, comment="when an open one is taken off the list"),
    Column("changed_at", Moment, nullable=False),
)
Index("uq_job_employer_id_key", job.c.employer_id, job.c.key, unique=True)
Index("ix_job_open", job.c.category, job.c.place, job.c.created_at, postgresql_where=job.c.status == "open")
Index("ix_job_worker_id", job.c.worker_id, postgresql_where=job.c.worker_id.is_not(None))
Index(
    "ix_job_status", job.c.status, job.c.changed_at, postgresql_where=job.c.status.in_(["open", "hired", "finished", "disputed"])
)

application = Table(
    "application",
    metadata,
    Column("job_id", Uuid, ForeignKey(job.c.id), primary_key=True),
    Column("worker_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("status", Text, nullable=False, server_default="waiting", comment="waiting, withdrawn, hired, declined"),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
)
Index("ix_application_worker_id", application.c.worker_id, application.c.created_at)

review = Table(
    "review",
    metadata,
    Column("job_id", Uuid, ForeignKey(job.c.id), primary_key=True),
    Column("by_id", Uuid, ForeignKey(customer.c.id), primary_key=True),
    Column("about_id", Uuid, ForeignKey(customer.c.id), nullable=False),
    Column("stars", SmallInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
)
Index("ix_review_about_id", review.c.about_id)
