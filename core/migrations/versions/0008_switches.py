"""Switches of features, rails, providers and channels, and the banner of the first menu."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    op.create_table(
        "switch_change",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="a feature, or rail:, provider: or channel: and a name"),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), nullable=False, comment="the member of staff"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_switch_change")),
    )
    op.create_index("ix_switch_change_name", "switch_change", ["name", "number"], unique=False)
    op.create_table(
        "banner_change",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("texts", postgresql.JSONB(), nullable=True, comment="by language; null: there is none"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True, comment="null: until it is cleared"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_banner_change")),
    )
