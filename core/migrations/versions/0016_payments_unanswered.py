"""Payments out that no network has settled are found without a look at all the others."""

from core.migrations.indexes import build_concurrently

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    build_concurrently(
        "ix_payment_out_waiting",
        "payment",
        ["answer_by"],
        where="direction = 'out' AND status IN ('new', 'asked', 'unanswered')",
    )
