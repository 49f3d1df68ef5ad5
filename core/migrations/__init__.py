"""Brings a database to what the code expects: Alembic's versions, then functions, grants and the service's own accounts.

Tables change by a numbered version. Functions and grants are code: every run ends by applying `core/ledger/*.sql` and
`grants.sql` as a whole.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.dialects.postgresql import insert

from core import clock
from core.db import engine_url
from core.ledger.chart import list_system_accounts
from core.tables.ledger import account

_FOLDER = Path(__file__).parent
_LEDGER = _FOLDER.parent / "ledger"
_SQL = (_LEDGER / "money.sql", _LEDGER / "post.sql", _LEDGER / "seal.sql", _FOLDER / "grants.sql")
# The key of the lock by which two migrations at once take turns. Any number will do that nobody else uses.
_TURN = 384_96


def migrate(database_url: str) -> None:
    """Works as the database's owner, in one transaction: all of it or nothing."""
    engine = create_engine(engine_url(database_url))
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            command.upgrade(configuration(connection), "head")
            for file in _SQL:
                # Not through SQLAlchemy: it would look for placeholders behind every percent sign.
                connection.connection.cursor().execute(file.read_text())
            _open_system_accounts(connection)
    finally:
        engine.dispose()


def is_current(connection: Connection) -> bool:
    """Is the database at the version that this code expects?"""
    newest = ScriptDirectory.from_config(configuration(connection)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest


def configuration(connection: Connection) -> Config:
    """Alembic's settings, for a connection that is open already."""
    config = Config()
    # A percent sign begins something of the configuration's own.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _open_system_accounts(connection: Connection) -> None:
    now = clock.now()
    rows = [
        {"id": account_id, "kind": system.kind, "currency": system.currency, "created_at": now}
        for account_id, system in list_system_accounts()
    ]
    connection.execute(insert(account).on_conflict_do_nothing(), rows)
