"""Everything on the phone: agents, approvals, payments by other networks, savings, jobs, insurance, one-time codes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attempt",
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", "day", name=op.f("pk_attempt")),
    )
    op.create_table(
        "chore",
        sa.Column("subject", sa.Uuid(), nullable=False, comment="the account, goal, policy or job"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False, comment="the day, week or month that it was done for"),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", "period", name=op.f("pk_chore")),
    )
    op.create_table(
        "agent",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False, comment="six digits, what customers type"),
        sa.Column("name", sa.Text(), nullable=False, comment="of the shop"),
        sa.Column("place", sa.Text(), nullable=False, comment="as people there call it"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_agent_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_agent")),
        sa.UniqueConstraint("number", name=op.f("uq_agent_number")),
    )
    op.create_table(
        "float_trade",
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="float_buy, float_sell"),
        sa.Column("reference", sa.Text(), nullable=False, comment="the bank's"),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_float_trade")),
    )
    op.create_index("uq_float_trade_kind_reference", "float_trade", ["kind", "reference"], unique=True)
    op.create_table(
        "goal",
        sa.Column("id", sa.Uuid(), nullable=False, comment="the ledger account's"),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.Date(), nullable=True, comment="when it should be reached"),
        sa.Column("is_locked", sa.Boolean(), server_default="false", nullable=False, comment="nothing comes out before `due`"),
        sa.Column("rule", sa.Text(), nullable=True, comment="saves by itself: weekly, monthly"),
        sa.Column("rule_amount", sa.BigInteger(), nullable=True),
        sa.Column("rule_next", sa.Date(), nullable=True, comment="the next day on which it saves"),
        sa.Column(
            "rule_day", sa.SmallInteger(), nullable=True, comment="the day of the month that it keeps to, where a month has it"
        ),
        sa.Column("status", sa.Text(), server_default="open", nullable=False, comment="open, closed"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(rule IS NULL) = (rule_amount IS NULL) AND (rule IS NULL) = (rule_next IS NULL)", name=op.f("ck_goal_rule")
        ),
        sa.CheckConstraint("NOT is_locked OR due IS NOT NULL", name=op.f("ck_goal_locked_until")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_goal_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal")),
    )
    op.create_index("ix_goal_customer_id", "goal", ["customer_id"], unique=False, postgresql_where=sa.text("status = 'open'"))
    op.create_index("ix_goal_due", "goal", ["due"], unique=False, postgresql_where=sa.text("status = 'open'"))
    op.create_index("ix_goal_rule_next", "goal", ["rule_next"], unique=False, postgresql_where=sa.text("status = 'open'"))
    op.create_table(
        "invitation",
        sa.Column("transfer_id", sa.Uuid(), nullable=False, comment="what took it from the sender"),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False, comment="E.164"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False, comment="without the fee"),
        sa.Column("fee", sa.BigInteger(), nullable=False, comment="goes back with the amount"),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False, comment="waiting, credited, returned"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["sender_id"], ["customer.id"], name=op.f("fk_invitation_sender_id")),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_invitation")),
    )
    op.create_index(
        "ix_invitation_expires_at", "invitation", ["expires_at"], unique=False, postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_index("ix_invitation_phone", "invitation", ["phone"], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.create_index(
        "ix_invitation_sender_id", "invitation", ["sender_id"], unique=False, postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_table(
        "job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="five digits (six once those are taken), what people type and say"
        ),
        sa.Column("employer_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="idempotency key of the request"),
        sa.Column("category", sa.Text(), nullable=False, comment="see core/services/jobs.py"),
        sa.Column("place", sa.Text(), nullable=False, comment="as people there call it"),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("pay", sa.BigInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Text(),
            server_default="open",
            nullable=False,
            comment="open, hired, finished (says the worker), disputed, paid, refunded, cancelled, expired",
        ),
        sa.Column("worker_id", sa.Uuid(), nullable=True, comment="who was hired"),
        sa.Column("escrow", sa.Uuid(), nullable=True, comment="the ledger account that keeps the pay"),
        sa.Column("decided_by", sa.Text(), nullable=True, comment="the staff who settled a dispute"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, comment="when an open one is taken off the list"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["employer_id"], ["customer.id"], name=op.f("fk_job_employer_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["customer.id"], name=op.f("fk_job_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("number", name=op.f("uq_job_number")),
    )
    op.create_index(
        "ix_job_open", "job", ["category", "place", "created_at"], unique=False, postgresql_where=sa.text("status = 'open'")
    )
    op.create_index(
        "ix_job_status",
        "job",
        ["status", "changed_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'hired', 'finished', 'disputed')"),
    )
    op.create_index("ix_job_worker_id", "job", ["worker_id"], unique=False, postgresql_where=sa.text("worker_id IS NOT NULL"))
    op.create_index("uq_job_employer_id_key", "job", ["employer_id", "key"], unique=True)
    op.create_table(
        "one_time_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False, comment="what it confirms: pin, ..."),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_one_time_code_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_code")),
    )
    op.create_index("ix_one_time_code_customer_id", "one_time_code", ["customer_id", "created_at"], unique=False)
    op.create_table(
        "payment",
        sa.Column(
            "id", sa.Uuid(), nullable=False, comment="also what the rail is told: a request sent twice is the same one to it"
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="idempotency key of the request"),
        sa.Column("direction", sa.Text(), nullable=False, comment="in, out"),
        sa.Column("rail", sa.Text(), nullable=False, comment="see core/rails"),
        sa.Column("phone", sa.Text(), nullable=False, comment="E.164"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "hold_id", sa.Uuid(), nullable=True, comment="what keeps the money of a payment out until the rail has answered"
        ),
        sa.Column("status", sa.Text(), server_default="new", nullable=False, comment="new, asked, unanswered, paid, refused"),
        sa.Column("rail_reference", sa.Text(), nullable=True, comment="the rail's own name for it"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True, comment="when a worker last took it in hand"),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the rail took it on; until then it is asked again",
        ),
        sa.Column(
            "answer_by",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="who has not answered by then is told of as unanswered",
        ),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_payment_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
    )
    op.create_index(
        "ix_payment_answer_by", "payment", ["answer_by"], unique=False, postgresql_where=sa.text("status IN ('new', 'asked')")
    )
    op.create_index(
        "ix_payment_waiting",
        "payment",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("asked_at IS NULL AND status IN ('new', 'unanswered')"),
    )
    op.create_index("uq_payment_customer_id_key", "payment", ["customer_id", "key"], unique=True)
    op.create_index("uq_payment_rail_reference", "payment", ["rail", "rail_reference"], unique=True)
    op.create_table(
        "policy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False, comment="see core/services/products.toml"),
        sa.Column("transfer_id", sa.Uuid(), nullable=False, comment="what first paid for it"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False, comment="a term's, as it was bought"),
        sa.Column("cover", sa.BigInteger(), nullable=False, comment="the most that a claim pays"),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("waits_until", sa.Date(), nullable=False, comment="what happened before this day is not covered"),
        sa.Column("ends", sa.Date(), nullable=False, comment="the first day without cover, unless renewed"),
        sa.Column("renews", sa.Boolean(), nullable=False, comment="by itself"),
        sa.Column(
            "status",
            sa.Text(),
            server_default="active",
            nullable=False,
            comment="active, grace (ended, may still be paid), ended",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_policy_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("transfer_id", name=op.f("uq_policy_transfer_id")),
    )
    op.create_index("ix_policy_ends", "policy", ["ends"], unique=False, postgresql_where=sa.text("status != 'ended'"))
    op.create_index(
        "uq_policy_customer_id_product",
        "policy",
        ["customer_id", "product"],
        unique=True,
        postgresql_where=sa.text("status != 'ended'"),
    )
    op.create_table(
        "agent_day",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("deposited", sa.BigInteger(), nullable=False),
        sa.Column("commission", sa.BigInteger(), nullable=False, comment="paid for those deposits"),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.customer_id"], name=op.f("fk_agent_day_agent_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_agent_day_customer_id")),
        sa.PrimaryKeyConstraint("agent_id", "customer_id", "day", name=op.f("pk_agent_day")),
    )
    op.create_table(
        "application",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False, comment="waiting, withdrawn, hired, declined"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_application_job_id")),
        sa.ForeignKeyConstraint(["worker_id"], ["customer.id"], name=op.f("fk_application_worker_id")),
        sa.PrimaryKeyConstraint("job_id", "worker_id", name=op.f("pk_application")),
    )
    op.create_index("ix_application_worker_id", "application", ["worker_id", "created_at"], unique=False)
    op.create_table(
        "approval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False, comment="whose yes it needs"),
        sa.Column("kind", sa.Text(), nullable=False, comment="agent_withdrawal, send"),
        sa.Column("key", sa.Text(), nullable=False, comment="idempotency key of the request"),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("recipient_phone", sa.Text(), nullable=True, comment="E.164"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False, comment="waiting, approved, refused, expired"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.customer_id"], name=op.f("fk_approval_agent_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_approval_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(
        "ix_approval_expires_at", "approval", ["expires_at"], unique=False, postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_index(
        "ix_approval_waiting", "approval", ["customer_id"], unique=False, postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_index("uq_approval_customer_id_key", "approval", ["customer_id", "key"], unique=True)
    op.create_table(
        "claim",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="six digits, what people say to one another"),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="idempotency key of the request"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("happened", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False, comment="waiting, paid, declined"),
        sa.Column("paid", sa.BigInteger(), nullable=True, comment="minor units of the policy's currency"),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True, comment="why it was declined"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_claim_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("number", name=op.f("uq_claim_number")),
    )
    op.create_index("ix_claim_waiting", "claim", ["created_at"], unique=False, postgresql_where=sa.text("status = 'waiting'"))
    op.create_index("uq_claim_policy_id_key", "claim", ["policy_id", "key"], unique=True)
    op.create_table(
        "review",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("about_id", sa.Uuid(), nullable=False),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_review_stars")),
        sa.ForeignKeyConstraint(["about_id"], ["customer.id"], name=op.f("fk_review_about_id")),
        sa.ForeignKeyConstraint(["by_id"], ["customer.id"], name=op.f("fk_review_by_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_review_job_id")),
        sa.PrimaryKeyConstraint("job_id", "by_id", name=op.f("pk_review")),
    )
    op.create_index("ix_review_about_id", "review", ["about_id"], unique=False)
    op.add_column("customer", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("customer", sa.Column("asks_pin_for_balance", sa.Boolean(), server_default="false", nullable=False))
    op.add_column(
        "customer",
        sa.Column("round_up_goal", sa.Uuid(), nullable=True, comment="the savings goal that sends are rounded up into"),
    )
    op.alter_column(
        "customer",
        "status",
        existing_type=sa.TEXT(),
        comment="active, closed",
        existing_nullable=False,
        existing_server_default=sa.text("'active'::text"),
    )
    op.drop_constraint(op.f("uq_customer_phone"), "customer", type_="unique")
    op.create_index("uq_customer_phone", "customer", ["phone"], unique=True, postgresql_where=sa.text("status = 'active'"))
    op.add_column(
        "outbox",
        sa.Column(
            "code_id", sa.Uuid(), nullable=True, comment="the one-time code that stands for {code} in the body when it is sent"
        ),
    )
    op.add_column(
        "pin",
        sa.Column(
            "money_out_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="after a forgotten PIN: when money may leave again",
        ),
    )
