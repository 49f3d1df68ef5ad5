"""What was shown before a yes: the recipient herself, beside her number, and the fee."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
oldest_code = "0004"

_SHOWN = "the customer who was shown: the number may get another owner"


def upgrade() -> None:
    op.add_column("approval", sa.Column("recipient_id", sa.Uuid(), nullable=True, comment=_SHOWN))
    op.add_column("sms_order", sa.Column("recipient_id", sa.Uuid(), nullable=True, comment=_SHOWN))
    op.add_column(
        "sms_order",
        sa.Column(
            "fee",
            sa.BigInteger(),
            nullable=True,
            comment="that was shown: an order that costs more by now is not carried out",
        ),
    )
