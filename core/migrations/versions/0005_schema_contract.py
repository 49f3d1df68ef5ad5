"""Which releases may run on the database; and comments that named files which have moved."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
oldest_code = "0004"

_COMMENTS = {
    ("policy", "product"): "the product's key",
    ("job", "category"): "the category's key",
    ("outbox", "kind"): "code, security, receipt, reminder",
    ("payment", "rail"): "which network of money: mpesa, ...",
}


def upgrade() -> None:
    op.create_table(
        "schema_contract",
        sa.Column("single", sa.Boolean(), server_default="true", nullable=False, comment="there is one row"),
        sa.Column(
            "oldest", sa.Text(), nullable=False, comment="the oldest release that may run, by the newest version that it has"
        ),
        sa.Column(
            "complete",
            sa.Text(),
            nullable=True,
            comment="the newest version whose functions, rights and triggers are in place too",
        ),
        sa.CheckConstraint("single", name=op.f("ck_schema_contract_single")),
        sa.PrimaryKeyConstraint("single", name=op.f("pk_schema_contract")),
    )
    for (table, column), comment in _COMMENTS.items():
        op.alter_column(table, column, comment=comment)
