"""The first tables: customers and PINs, the ledger, the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Uuid(), nullable=True, comment="the customer; null for the service's own accounts"),
        sa.Column("kind", sa.Text(), nullable=False, comment="see core/ledger/chart.py"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True, comment="whose limits hold, see core/ledger/limits.toml; null: none"),
        sa.Column("balance", sa.BigInteger(), server_default="0", nullable=False, comment="minor units; what we owe is positive"),
        sa.Column(
            "held", sa.BigInteger(), server_default="0", nullable=False, comment="what open holds keep back of the balance"
        ),
        sa.Column("floor", sa.BigInteger(), nullable=True, comment="the least that balance - held may be; null: no least"),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False, comment="postings so far"),
        sa.Column("day", sa.Date(), nullable=True, comment="the calendar day that `spent` counts"),
        sa.Column("spent", sa.BigInteger(), server_default="0", nullable=False, comment="of the day's limit"),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("balance - held >= floor", name=op.f("ck_account_floor")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_account_held")),
        sa.CheckConstraint("owner IS NULL OR (floor IS NOT NULL AND floor >= 0)", name=op.f("ck_account_nobody_overdraws")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_account_owner_kind", "account", ["owner", "kind"], unique=False, postgresql_where=sa.text("owner IS NOT NULL")
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False, comment="E.164"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False, comment="ISO 3166, two letters"),
        sa.Column("national_id", sa.LargeBinary(), nullable=True, comment="AES-256-GCM, see core/vault.py"),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
        sa.UniqueConstraint("phone", name=op.f("uq_customer_phone")),
    )
    op.create_table(
        "exchange",
        sa.Column("sold_transfer_id", sa.Uuid(), nullable=False),
        sa.Column("bought_transfer_id", sa.Uuid(), nullable=False),
        sa.Column("rate_bought", sa.BigInteger(), nullable=False, comment="minor units bought ..."),
        sa.Column("rate_sold", sa.BigInteger(), nullable=False, comment="... for so many minor units sold"),
        sa.PrimaryKeyConstraint("sold_transfer_id", name=op.f("pk_exchange")),
        sa.UniqueConstraint("bought_transfer_id", name=op.f("uq_exchange_bought_transfer_id")),
    )
    op.create_table(
        "hold_leg",
        sa.Column("hold_id", sa.Uuid(), nullable=False, comment="the transfer that reserved"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "position", name=op.f("pk_hold_leg")),
    )
    op.create_table(
        "open_hold",
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_open_hold")),
    )
    op.create_index(op.f("ix_open_hold_expires_at"), "open_hold", ["expires_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False, comment="in the reader's language already"),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False, comment="queued, sending, delivered"),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True, comment="when a worker last took it in hand"),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_phone", "outbox", ["phone", "created_at"], unique=False)
    op.create_index(
        "ix_outbox_waiting", "outbox", ["created_at"], unique=False, postgresql_where=sa.text("status != 'delivered'")
    )
    op.create_table(
        "posting",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="1, 2, 3 ... without gaps, for each account"),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_posting_amount")),
        sa.PrimaryKeyConstraint("account_id", "version", name=op.f("pk_posting")),
    )
    op.create_index("ix_posting_transfer_id", "posting", ["transfer_id"], unique=False)
    op.create_table(
        "reversal",
        sa.Column("transfer_id", sa.Uuid(), nullable=False, comment="the transfer that undid"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True, comment="somebody else, above the threshold"),
        sa.CheckConstraint("approved_by <> requested_by", name=op.f("ck_reversal_two_people")),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_reversal")),
    )
    op.create_table(
        "seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_xid", sa.BigInteger(), nullable=False),
        sa.Column("to_xid", sa.BigInteger(), nullable=False, comment="the first one not in it"),
        sa.Column("transfers", sa.Integer(), nullable=False),
        sa.Column(
            "leaves", sa.LargeBinary(), nullable=False, comment="8 bytes of each transfer's SHA-256, in order of xid and id"
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the seal before and all of this one"),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seal")),
    )
    op.create_table(
        "transfer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("initiator", sa.Uuid(), nullable=False, comment="the account whose owner asked; scopes the key"),
        sa.Column("key", sa.Text(), nullable=False, comment="idempotency key"),
        sa.Column("request_hash", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("limited", sa.BigInteger(), nullable=False, comment="what it took of the initiator's day; negative: gave back"),
        sa.Column("day", sa.Date(), nullable=False, comment="the initiator's calendar day"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles", sa.Uuid(), nullable=True, comment="the hold that it captured or gave back"),
        sa.Column("reverses", sa.Uuid(), nullable=True, comment="the transfer that it undid"),
        sa.Column(
            "detail",
            sa.BigInteger(),
            nullable=True,
            comment="what `at_most` moved; with `available`, the answer that a repetition gets again",
        ),
        sa.Column(
            "available", sa.ARRAY(sa.BigInteger()), nullable=True, comment="what each leg's account could spend afterwards"
        ),
        sa.Column(
            "xid",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)"),
            nullable=False,
            comment="the database's transaction: tells the sealer what can no longer change",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
    )
    op.create_index("ix_transfer_xid", "transfer", ["xid"], unique=False, postgresql_using="brin")
    op.create_index("uq_transfer_initiator_key", "transfer", ["initiator", "key"], unique=True)
    op.create_index(
        "uq_transfer_reverses", "transfer", ["reverses"], unique=True, postgresql_where=sa.text("reverses IS NOT NULL")
    )
    op.create_index("uq_transfer_settles", "transfer", ["settles"], unique=True, postgresql_where=sa.text("settles IS NOT NULL"))
    op.create_table(
        "pin",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False, comment="Argon2id over an HMAC whose key is not in this database"),
        sa.Column(
            "failures", sa.SmallInteger(), server_default="0", nullable=False, comment="tries begun since the last right one"
        ),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_pin_customer_id")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_pin")),
    )
