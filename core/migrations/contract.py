"""Which code may run on a database: none that needs a newer schema, and none that the schema has left behind.

Versions are numbered in one line, so that code and database compare two numbers. Each version from 0005 on says in `oldest_code`
which code still runs on the schema that it makes, by the newest version of that code. An expanding version repeats the number of
the one before it; a contracting one moves it forward.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.dialects.postgresql import insert

from core.tables.migrations import schema_contract


@dataclass(frozen=True, slots=True)
class Contract:
    """What a database says of itself; nothing, where no version has made its row."""

    oldest: str = "0000"
    complete: str | None = None

    def obstacle(self, code: str) -> str | None:
        """Why code whose newest version is this one may not run on the database, and what to do."""
        if self.oldest > code:
            return (
                f"the database's schema allows no release before version {self.oldest}, and this one is at {code}: "
                "start a newer release"
            )
        if self.complete is None or self.complete < code:
            return f"the database's schema is older than this release, which needs version {code}: run `jasho migrate` first"
        return None


def read(connection: Connection) -> Contract:
    if not inspect(connection).has_table(schema_contract.name):
        return Contract()
    row = connection.execute(select(schema_contract.c.oldest, schema_contract.c.complete)).one_or_none()
    return Contract() if row is None else Contract(*row)


def keep_oldest(
    ctx: MigrationContext,
    step: MigrationInfo,
    heads: Collection[object],  # noqa: ARG001 - Alembic names all four
    run_args: Mapping[str, object],  # noqa: ARG001
) -> None:
    """Alembic's callback for each version, in its transaction: older code stops starting when the version is there."""
    revision = step.up_revision
    oldest = getattr(getattr(revision, "module", None), "oldest_code", None)
    if oldest is None or ctx.connection is None:
        return
    row = insert(schema_contract).values(single=True, oldest=oldest)
    # What a contraction has taken away stays away, whatever a later version says.
    kept = func.greatest(schema_contract.c.oldest, row.excluded.oldest)
    ctx.connection.execute(row.on_conflict_do_update(index_elements=["single"], set_={"oldest": kept}))


def complete(connection: Connection, code: str) -> None:
    """Says that all of a version is in place. Writes nothing where the database says so already."""
    if read(connection).complete == code:
        return
    # A row that somebody has deleted says nothing of older code, so none is let in.
    row = insert(schema_contract).values(single=True, oldest=code, complete=code)
    connection.execute(row.on_conflict_do_update(index_elements=["single"], set_={"complete": code}))
