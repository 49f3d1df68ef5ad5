"""What providers brought and nobody could handle is kept aside, where operators see it."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    op.create_table(
        "sms_aside",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False, comment="sms, report, opt-out"),
        sa.Column("provider_id", sa.Text(), nullable=False, comment="the provider's name for it; of an opt-out the number"),
        sa.Column("status", sa.Text(), nullable=False, comment="what a report tells, in the provider's word; else empty"),
        sa.Column("reason", sa.Text(), nullable=False, comment="failed, status, sender"),
        sa.Column("detail", sa.Text(), nullable=False, comment="the exception's kind and place, the status, or the sender"),
        sa.Column("times", sa.SmallInteger(), nullable=False, comment="how often it has come or failed"),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("aside_at", sa.DateTime(timezone=True), nullable=True, comment="null: it failed, and may come again"),
        sa.PrimaryKeyConstraint("provider", "way", "provider_id", "status", "reason", name=op.f("pk_sms_aside")),
    )
    op.create_index("ix_sms_aside_last_at", "sms_aside", ["last_at"])
    op.create_index("ix_sms_aside_reason", "sms_aside", ["reason", "provider", "detail"])
