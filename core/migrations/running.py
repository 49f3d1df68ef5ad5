"""Which code is at work on a database, so that a contraction takes nothing away from under it.

Every connection of a service names the newest version of its code. A worker's heartbeat does, too: it outlives a connection.
"""

import re
from collections.abc import Iterator

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from core import clock
from core.chores import LATE
from core.migrations import contract
from core.tables.chores import heartbeat

# The first release whose workers beat. It named no version of the schema, nor did its connections.
_FIRST_WITH_BEATS = "0010"
_NAMED = re.compile(r" (\d{4})$")
_CONNECTIONS = text("""
    SELECT DISTINCT application_name, coalesce(host(client_addr), 'this machine') FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name ~ '^jasho [0-9]{4}$'
""")


class AtWork(Exception):
    """Code that the schema would leave behind is at work."""


def check(connection: Connection, scripts: ScriptDirectory, present: str | None) -> None:
    """Raises AtWork where the versions that wait leave running code behind."""
    if present is None:
        return
    waiting = list(scripts.iterate_revisions("head", present))
    oldest = max((str(getattr(script.module, "oldest_code", "")) for script in waiting), default="")
    if oldest <= contract.read(connection).oldest:
        return
    if older := sorted({f"{code} ({where})" for code, where in _list_running(connection) if code < oldest}):
        raise AtWork(
            f"it takes away what code before version {oldest} needs, and code at {', '.join(older)} is at work: "
            "stop those processes, then run it again"
        )


def _list_running(connection: Connection) -> Iterator[tuple[str, str]]:
    """The newest version of the code, and where it works."""
    for name, address in connection.execute(_CONNECTIONS):
        yield _version(name), f"a connection from {address}"
    if inspect(connection).has_table(heartbeat.name):
        alive = select(heartbeat.c.version, heartbeat.c.host).where(heartbeat.c.beat_at > clock.now() - LATE)
        for version, host in connection.execute(alive):
            yield _version(version), f"a worker on {host}"


def _version(name: str) -> str:
    named = _NAMED.search(name)
    return named[1] if named else _FIRST_WITH_BEATS
