"""The triggers that guard the journal: those of `triggers.sql` that are missing, changed or off are made again."""

from pathlib import Path

from sqlalchemy import Connection, text

from core.migrations.files import read_statements, run

_FILE = Path(__file__).parent / "triggers.sql"
_PRESENT = text("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'")


def replace_differing(connection: Connection) -> None:
    """Each in a transaction of its own: a trigger locks its table against writers, and the next one may have to wait."""
    with connection.begin():
        present = set(connection.scalars(_PRESENT))
    for statement in read_statements(_FILE):
        if statement not in present:
            with connection.begin():
                run(connection, statement.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1))
