"""The database's functions are code: those of the SQL files replace those that differ from them."""

from pathlib import Path

from sqlalchemy import Connection, text

from core.migrations.files import run

_FOLDER = Path(__file__).parent
_LEDGER = _FOLDER.parent / "ledger"
_RETENTION = _FOLDER.parent / "retention"
FILES = (
    *(_LEDGER / "post_calls.sql", _LEDGER / "post.sql", _LEDGER / "post_before.sql", _LEDGER / "era.sql", _LEDGER / "seal.sql"),
    *(_RETENTION / "periods.sql", _FOLDER / "refuse_change.sql"),
)

# Both sides are told by the database itself, from what it keeps: body, arguments, settings, whose rights it has.
_DIFFERS = text("""
    SELECT EXISTS (
        SELECT FROM pg_proc trial LEFT JOIN pg_proc present ON present.proname = trial.proname
            AND present.pronamespace = 'public'::regnamespace AND present.proargtypes = trial.proargtypes
        WHERE trial.pronamespace = pg_my_temp_schema() AND pg_get_functiondef(present.oid) IS DISTINCT FROM
            replace(pg_get_functiondef(trial.oid), format('FUNCTION %s.', pg_my_temp_schema()::regnamespace), 'FUNCTION public.'))
""")


def replace_differing(connection: Connection) -> None:
    """In the caller's transaction. No lock on a table is taken, whatever differs."""
    for file in FILES:
        if _differs(connection, file.read_text()):
            run(connection, file.read_text())


def _differs(connection: Connection, sql: str) -> bool:
    """Makes the functions aside, where nobody calls them, compares them with those in use, and takes them back."""
    trial = connection.begin_nested()
    run(connection, "SET LOCAL search_path = pg_temp, public; SET LOCAL check_function_bodies = off")
    run(connection, sql)
    differs = bool(connection.scalar(_DIFFERS))
    trial.rollback()
    return differs
