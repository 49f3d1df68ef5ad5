"""Workers write down that they work."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("process", sa.Uuid(), nullable=False, comment="another one after each start"),
        sa.Column("host", sa.Text(), nullable=False, comment="the machine or container, as it calls itself"),
        sa.Column("version", sa.Text(), nullable=False, comment="of the code that works"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False, comment="when it last worked"),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_heartbeat")),
    )
