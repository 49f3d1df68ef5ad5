"""A seal says how its leaves were made, a hold's transfer until when it holds, and an account when its last posting was.

The index over the transactions' numbers takes in new rows by itself: sealing reads what it has not taken in yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    op.add_column(
        "seal",
        sa.Column("leaf_version", sa.Integer(), server_default="1", nullable=False, comment="how leaves were made, see seal.sql"),
    )
    op.add_column(
        "transfer",
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True, comment="of a hold; null in holds from before 0014"),
    )
    op.add_column(
        "account",
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True, comment="of its last posting; null: none since 0014"),
    )
    op.execute("ALTER INDEX ix_transfer_xid SET (autosummarize = on)")
