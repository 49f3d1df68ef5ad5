"""What PostgreSQL says of itself, of the service's login, and of the work that waits."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, migrations
from core.credentials import canaries
from core.db import APPLICATION_ROLE, SESSION
from core.ledger.seal import unsealed_for
from core.settings import Settings, variable
from gateway.cli.doctor.archive import archive
from gateway.cli.doctor.finding import Finding, broken, weak, well, wrong
from gateway.cli.doctor.messages import kept_aside, periods

_LOGIN = text("""
    SELECT current_user AS works_as,
        EXISTS (SELECT FROM pg_roles r WHERE r.rolsuper AND pg_has_role(session_user, r.oid, 'MEMBER')) AS is_super,
        EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND pg_has_role(session_user, c.relowner, 'MEMBER')) AS is_owner,
        has_schema_privilege(session_user, 'public', 'CREATE') AS makes_functions,
        rolcreaterole AS makes_roles, rolreplication AS copies_all,
        EXISTS (SELECT FROM pg_roles r WHERE r.rolname IN
            ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
            AND pg_has_role(session_user, r.oid, 'MEMBER')) AS reaches_files,
        coalesce(has_table_privilege(session_user, to_regclass('public.posting'), 'INSERT, UPDATE, DELETE, TRUNCATE'), false)
            AS writes
    FROM pg_roles WHERE rolname = session_user
""")
_CONNECTIONS = text("""
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used
""")
# The pool, what sends SMS, two lanes to the ledger and the look at readiness; two processes that answer, and a worker.
_TAKEN_BY_A_SERVICE = 3 * (16 + 4 + 2 + 1)
_UNSEALED_LONG = timedelta(minutes=5)
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


async def answers(connection: AsyncConnection, _: Settings) -> Finding:
    """Which version answers."""
    return well(f"PostgreSQL {await connection.scalar(text('SHOW server_version'))}")


async def login(connection: AsyncConnection, settings: Settings) -> Finding:
    """What whoever steals the service's login gets."""
    row = (await connection.execute(_LOGIN)).one()
    rights = (
        ("owner", row.is_owner),
        ("may write the journal", row.writes),
        ("may make functions beside the ledger's", row.makes_functions),
        ("may make roles", row.makes_roles),
        ("may copy all of the server", row.copies_all),
        ("may reach the server's files", row.reaches_files),
    )
    # A superuser may all of it.
    if much := ["superuser"] if row.is_super else [word for word, has in rights if has]:
        return wrong(
            settings,
            f"the service's login: {', '.join(much)}",
            "set JASHO_MIGRATE_DATABASE_URL to this login and JASHO_DATABASE_URL to another, and run jasho migrate",
        )
    return well(f"owns nothing, works as {row.works_as}")


async def session(connection: AsyncConnection, settings: Settings) -> Finding:
    """The role and the time-outs as they are in force: a pooler may drop what the service asks for."""
    wanted = {name: value for name, value in SESSION.items() if name != "timezone"}
    shown = {name: await connection.scalar(text(f"SHOW {name}")) for name in wanted}
    if other := [f"{name} is {shown[name]}" for name in wanted if shown[name] != wanted[name]]:
        return wrong(
            settings,
            ", ".join(other),
            "let the pooler pass on `options`, or run jasho migrate with JASHO_MIGRATE_DATABASE_URL set",
        )
    return well(f"{APPLICATION_ROLE}, with its time-outs")


async def durability(connection: AsyncConnection, settings: Settings) -> Finding:
    """Does what is acknowledged outlive a power cut?"""
    off = [name for name in _DURABLE if await connection.scalar(text(f"SHOW {name}")) != "on"]
    if off:
        return wrong(settings, f"not on: {', '.join(off)}", "turn it on: acknowledged payments may be lost")
    return well(f"on: {', '.join(_DURABLE)}")


async def schema(connection: AsyncConnection, settings: Settings) -> Finding:
    """May this release run on the database's schema?"""
    obstacle = await connection.run_sync(migrations.find_obstacle)
    if obstacle is None:
        return well("fits this release")
    seen, _, advice = obstacle.rpartition(": ")
    return wrong(settings, seen, advice)


async def same_secrets(connection: AsyncConnection, settings: Settings) -> Finding:
    """Are pepper and data key those with which the database was made?"""
    if not await _has(connection, "canary"):
        return wrong(settings, "not known: the schema is an older one", "run jasho migrate")
    if names := await canaries.find_differing(connection, settings):
        named = " and ".join(variable(name) for name in names)
        return broken(f"the database was made with another {named}", "give the old one again")
    return well("those with which the database was made")


async def worker(connection: AsyncConnection, settings: Settings) -> Finding:
    """Does anybody send what waits?"""
    if not await _has(connection, "heartbeat"):
        return wrong(settings, "not known: the schema is an older one", "run jasho migrate")
    since = await chores.since_beat(connection)
    if since is None:
        return wrong(settings, "none has worked in the last hour", "start jasho worker, or jasho serve without --no-worker")
    seen = f"last worked {since.total_seconds():.0f} s ago"
    return well(seen) if since <= chores.LATE else wrong(settings, seen, "look at the worker's log, and start it again")


async def seal(connection: AsyncConnection, settings: Settings) -> Finding:
    """How long the oldest transfer has waited for its seal: until then a change of it would not show."""
    if not await _has(connection, "seal"):
        return wrong(settings, "not known: there are no books", "run jasho migrate")
    age = await unsealed_for(connection)
    if age > _UNSEALED_LONG:
        return weak(
            f"the oldest transfer without one waits for {age.total_seconds():.0f} s",
            "look whether a worker works, and for a transaction that stays open",
        )
    return well("nothing waits long")


async def _has(connection: AsyncConnection, table: str) -> bool:
    return await connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"public.{table}"}) is not None


async def connections(connection: AsyncConnection, settings: Settings) -> Finding:
    """Are there enough for the service's processes?"""
    row = (await connection.execute(_CONNECTIONS)).one()
    seen = f"{row.used} of {row.most} in use"
    if row.most < _TAKEN_BY_A_SERVICE:
        return wrong(settings, f"{seen}; two processes and a worker take up to {_TAKEN_BY_A_SERVICE}", "raise max_connections")
    return weak(seen, "raise max_connections, or run fewer processes") if row.used > 0.8 * row.most else well(seen)


CHECKS = {
    "database": answers,
    "database login": login,
    "database session": session,
    "database durability": durability,
    "database connections": connections,
    "schema": schema,
    "same secrets": same_secrets,
    "worker": worker,
    "seal": seal,
    "message periods": periods,
    "kept aside": kept_aside,
    "archive": archive,
}
