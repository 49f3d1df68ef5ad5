"""What the background worker has done, so that it does it once."""

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
