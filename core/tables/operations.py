"""What staff have switched off and on, and the banners of the first menu. Rows are added and never changed."""

from sqlalchemy import BigInteger, Boolean, Column, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from core.tables.base import Moment, metadata

# The newest row of a name says how its switch stands. A name without a row is on.
switch_change = Table(
    "switch_change",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, comment="a feature, or rail:, provider: or channel: and a name"),
    Column("is_off", Boolean, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("by", Text, nullable=False, comment="the member of staff"),
    Column("changed_at", Moment, nullable=False),
)
Index("ix_switch_change_name", switch_change.c.name, switch_change.c.number)

# The newest row is the banner.
banner_change = Table(
    "banner_change",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("texts", JSONB, comment="by language; null: there is none"),
    Column("until", Moment, comment="null: until it is cleared"),
    Column("changed_at", Moment, nullable=False),
)
