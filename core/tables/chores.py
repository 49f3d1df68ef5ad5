"""What the background worker has done, so that it does it once, and that it works."""

from sqlalchemy import Column, Table, Text, Uuid

from core.tables.base import Moment, metadata

chore = Table(
    "chore",
    metadata,
    Column("subject", Uuid, primary_key=True, comment="the account, goal, policy or job"),
    Column("kind", Text, primary_key=True),
    Column("period", Text, primary_key=True, comment="the day, week or month that it was done for"),
    Column("done_at", Moment, nullable=False),
)

# A line for each process with a worker, while it works and for an hour after.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("process", Uuid, primary_key=True, comment="another one after each start"),
    Column("host", Text, nullable=False, comment="the machine or container, as it calls itself"),
    Column("version", Text, nullable=False, comment="of the code that works"),
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False, comment="when it last worked"),
)
