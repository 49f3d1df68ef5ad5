"""How SMS leave: kinds, attempts with their providers, delivery reports, opt-outs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opt_out",
        sa.Column("phone", sa.Text(), nullable=False, comment="E.164"),
        sa.Column("source", sa.Text(), nullable=False, comment="who told us: sms, africastalking, twilio, ..."),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="when its owner wanted our notices again"),
        sa.PrimaryKeyConstraint("phone", name=op.f("pk_opt_out")),
    )
    op.create_table(
        "sms_provider",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("weight", sa.SmallInteger(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False, comment="in a row"),
        sa.Column(
            "rests", sa.SmallInteger(), server_default="0", nullable=False, comment="in a row; each is longer than the one before"
        ),
        sa.Column("rested_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "probed_at", sa.DateTime(timezone=True), nullable=True, comment="when one message was last tried on it after a rest"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sms_provider")),
    )
    op.create_table(
        "sms_report",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("reported", sa.Text(), nullable=False, comment="sent, undelivered, delivered"),
        sa.Column("phone", sa.Text(), nullable=True, comment="E.164"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True, comment="recipient, opt_out; null: the way to the phone"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True, comment="whose it turned out to be"),
        sa.PrimaryKeyConstraint("provider", "provider_id", "reported", name=op.f("pk_sms_report")),
    )
    op.create_index("ix_sms_report_phone", "sms_report", ["phone"], unique=False, postgresql_where=sa.text("attempt_id IS NULL"))
    op.create_table(
        "sms_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("outbox_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False, comment="1, 2, 3 ... for each message"),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("parts", sa.SmallInteger(), nullable=False, comment="how many SMS it is paid as"),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True, comment="sent, barred, refused, away, unsure; null: under way"),
        sa.Column("code", sa.Text(), nullable=True, comment="the provider's own word for the outcome"),
        sa.Column("provider_id", sa.Text(), nullable=True, comment="the provider's name for it"),
        sa.Column("cost", sa.Text(), nullable=True, comment="as the provider reports it: KES 0.8000"),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "reported", sa.Text(), nullable=True, comment="by the delivery report: sent, undelivered, delivered; only forward"
        ),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True, comment="the delivery report's, where it did not arrive"),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_sms_attempt_outbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_attempt")),
    )
    op.create_index(
        "ix_sms_attempt_provider_id",
        "sms_attempt",
        ["provider_id"],
        unique=False,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index(
        "ix_sms_attempt_unnamed", "sms_attempt", ["phone"], unique=False, postgresql_where=sa.text("provider_id IS NULL")
    )
    op.create_index("uq_sms_attempt_outbox_id_number", "sms_attempt", ["outbox_id", "number"], unique=True)
    op.add_column(
        "outbox",
        sa.Column(
            "kind",
            sa.Text(),
            server_default="receipt",
            nullable=False,
            comment="code, security, receipt, reminder: see sms_kinds.toml",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column("priority", sa.SmallInteger(), server_default="2", nullable=False, comment="the kind's; the least goes first"),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "attempts", sa.SmallInteger(), server_default="0", nullable=False, comment="how often it was handed to a provider"
        ),
    )
    op.add_column(
        "outbox", sa.Column("next_at", sa.DateTime(timezone=True), nullable=True, comment="not before then; null: at once")
    )
    op.alter_column(
        "outbox",
        "status",
        existing_type=sa.TEXT(),
        comment="queued, sending, unsure, sent, delivered, undelivered, failed, expired, suppressed",
        existing_comment="queued, sending, delivered",
        existing_nullable=False,
        existing_server_default=sa.text("'queued'::text"),
    )
    op.alter_column("outbox", "provider", existing_type=sa.TEXT(), comment="who carried it", existing_nullable=True)
    op.drop_index(op.f("ix_outbox_waiting"), table_name="outbox")
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["priority", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'unsure')"),
    )
    op.create_index("ix_outbox_sending", "outbox", ["phone"], unique=False, postgresql_where=sa.text("status = 'sending'"))
    op.create_index(
        "ix_outbox_turn",
        "outbox",
        ["phone", "priority", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('queued', 'unsure')"),
    )
