"""The ledger's function has another name, `ledger_post_2`: it can pass over locked rows.

Functions are made by every `jasho migrate`; this version only tells code that calls it from a database that lacks it.
"""

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
oldest_code = "0004"


def upgrade() -> None:
    pass
