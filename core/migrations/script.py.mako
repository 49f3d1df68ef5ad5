"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}
# The oldest code that still runs on this schema, by its newest version: see core/migrations/contract.py.
oldest_code = "NNNN"


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
