"""Have the next days' messages a table of their own? Those that have none go row by row, which leaves much to vacuum.

And what of that which providers brought could nobody handle?
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.messaging import aside
from core.settings import Settings
from gateway.cli.doctor.finding import Finding, weak, well, wrong

_TABLE = text("""
    SELECT c.relkind::text AS kind,
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND conname = 'ck_outbox_first_period') AS is_half_divided
    FROM pg_class c WHERE c.oid = to_regclass('public.outbox')
""")
# As `period_list` of core/retention/periods.sql, which the service may not call.
_HAS_PERIOD = text("""
    SELECT EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, pg_get_expr(c.relpartbound, c.oid) AS b (bound)
        WHERE i.inhparent = to_regclass('public.outbox')
            AND coalesce(substring(b.bound FROM $$FROM [(]'([0-9a-f-]+)'$$), '00000000-0000-0000-0000-000000000000')::uuid <= :id
            AND substring(b.bound FROM $$TO [(]'([0-9a-f-]+)'$$)::uuid > :id)
""")
_A_DAY = timedelta(days=1)
_MOST_KINDS = 5


async def periods(connection: AsyncConnection, settings: Settings) -> Finding:
    """Is the division into periods done, and is the duty on time that makes the next ones?"""
    table = (await connection.execute(_TABLE)).one_or_none()
    if table is not None and table.is_half_divided:
        return wrong(settings, "a migration was cut off while it divided messages into periods", "run jasho migrate again")
    if table is None or table.kind != "p":
        return wrong(settings, "not known: the schema is an older one", "run jasho migrate")
    if not await connection.scalar(_HAS_PERIOD, {"id": ids.first_at(clock.now() + _A_DAY)}):
        return weak(
            "tomorrow's messages have none, and go into the default table",
            "see that a worker works; look for `retention: periods` in its log, and for old messages that are still due",
        )
    return well("there is one for tomorrow's messages")


async def kept_aside(connection: AsyncConnection, settings: Settings) -> Finding:
    """How much of what providers brought was kept aside in the last days, and why."""
    if await connection.scalar(text("SELECT to_regclass('public.sms_aside') IS NULL")):
        return wrong(settings, "not known: the schema is an older one", "run jasho migrate")
    rows = await aside.count(connection)
    from_nobody = sum(row.number for row in rows if row.reason == aside.SENDER)
    wanting = [row for row in rows if row.reason != aside.SENDER]
    kinds = [f"{row.number} {row.way} of {row.provider} ({row.reason}: {row.detail})" for row in wanting[:_MOST_KINDS]]
    more = len(wanting) - len(kinds)
    senders = f"{from_nobody} SMS of senders that nothing can be written to"
    if not wanting:
        return well(senders if from_nobody else "nothing")
    seen = ", ".join([*kinds, *([f"{more} kinds more"] if more else []), *([senders] if from_nobody else [])])
    return weak(seen, "look for `kept aside` in the runbook; each is a row of the table sms_aside")
