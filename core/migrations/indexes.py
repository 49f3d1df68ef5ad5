"""Indexes that are built beside writers: what a version calls for an index on a table that is in use."""

from collections.abc import Sequence

from alembic import op
from sqlalchemy import text

# The build waits for every transaction that is older than it, and keeps nobody waiting meanwhile. A try that gives up has
# to begin again from the first row, so this is long.
_PATIENCE = "10min"


def build_concurrently(name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None) -> None:
    """Leaves the version's transaction, so the version does nothing else: a run that was killed repeats it from the start.

    A killed build leaves an index of the name that is kept up to date and never read. It is taken away and built again.
    """
    context = op.get_context()
    with context.autocommit_block():
        before = None if context.as_sql else op.get_bind().scalar(text("SHOW lock_timeout"))
        op.execute(f"SET lock_timeout = '{_PATIENCE}'")
        if not context.as_sql and _is_half_built(name):
            op.drop_index(name, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            columns,
            unique=unique,
            postgresql_where=None if where is None else text(where),
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        op.execute(f"SET lock_timeout = '{before or 0}'")


def _is_half_built(name: str) -> bool:
    query = text("SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)")
    return bool(op.get_bind().scalar(query, {"name": name}))
