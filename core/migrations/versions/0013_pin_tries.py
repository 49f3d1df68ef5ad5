"""The tries of a PIN have an order, and the last one its time."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    op.add_column(
        "pin", sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False, comment="begun in all: which began first")
    )
    op.add_column("pin", sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True, comment="when the last one began"))
