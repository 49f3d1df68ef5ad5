"""SMS that come in, and the orders in them that wait for their one-time code."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sms_inbound",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column(
            "provider_id",
            sa.Text(),
            nullable=False,
            comment="the provider's name for it: one that it delivers twice is answered once",
        ),
        sa.Column("phone", sa.Text(), nullable=False, comment="E.164, as the provider says; proves nothing"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False, comment="when it was last taken in hand"),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verb", sa.Text(), nullable=True, comment="which command it was understood as"),
        sa.PrimaryKeyConstraint("provider", "provider_id", name=op.f("pk_sms_inbound")),
    )
    op.create_index("ix_sms_inbound_phone", "sms_inbound", ["phone", "received_at"], unique=False)
    op.create_table(
        "sms_order",
        sa.Column("id", sa.Uuid(), nullable=False, comment="of the code that confirms it"),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="send, save"),
        sa.Column("recipient_phone", sa.Text(), nullable=True, comment="E.164"),
        sa.Column("goal_id", sa.Uuid(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True, comment="when it was carried out, or refused"),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_sms_order_customer_id")),
        sa.ForeignKeyConstraint(["id"], ["one_time_code.id"], name=op.f("fk_sms_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_order")),
    )
    op.create_index("ix_sms_order_customer_id", "sms_order", ["customer_id", "created_at"], unique=False)
