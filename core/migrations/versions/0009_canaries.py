"""Check values of the pepper and the data key, so that a service with other ones does not start."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

oldest_code = "0004"


def upgrade() -> None:
    op.create_table(
        "canary",
        sa.Column("name", sa.Text(), nullable=False, comment="the secret's setting: pin_pepper, data_key"),
        sa.Column("value", sa.LargeBinary(), nullable=False, comment="an HMAC under a key derived from the secret"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_canary")),
    )
