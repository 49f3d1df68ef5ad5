"""The eras of the journal: a database that goes on in another cluster begins one."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    op.create_table(
        "ledger_era",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "system_identifier", sa.BigInteger(), nullable=False, comment="the cluster whose numbers of transactions it counts"
        ),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_era")),
    )
    op.alter_column(
        "transfer",
        "xid",
        comment="era and the database's transaction, see core/ledger/era.sql: tells the sealer what can no longer change",
    )
    op.execute("INSERT INTO ledger_era SELECT 0, system_identifier, now() FROM pg_control_system()")
