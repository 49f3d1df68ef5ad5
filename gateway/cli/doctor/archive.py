"""Does somebody keep the WAL? Without it, what was posted since the last backup goes with the server."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.settings import Settings
from gateway.cli.doctor.finding import Finding, weak, well

_SLOTS = text("""
    SELECT slot_name, active, wal_status, pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn) AS behind,
        extract(epoch FROM clock_timestamp() - (to_jsonb(slots)->>'inactive_since')::timestamptz) AS seconds
    FROM pg_replication_slots slots WHERE slot_name LIKE 'jasho\\_archive%' ORDER BY active DESC, slot_name
""")
# Four segments of the usual size: more than what waits for its segment to end.
_FAR_BEHIND_BYTES = 64 * 2**20
_RUN = "run jasho archive (docs/operating.md, Backups)"


async def archive(connection: AsyncConnection, settings: Settings) -> Finding:
    """Its replication slot: is it in use, and how far behind is what was confirmed last?"""
    slots = (await connection.execute(_SLOTS)).all()
    if not slots:
        nothing = "nothing keeps the WAL"
        return well(f"{nothing}: nobody needs it here") if settings.is_local else weak(nothing, _RUN)
    best = slots[0]
    if best.wal_status == "lost" or best.behind is None:
        return weak(f"the slot {best.slot_name} has lost WAL", f"{_RUN}, and take a base backup")
    seen = f"the slot {best.slot_name} is {best.behind / 2**20:.0f} MB behind"
    if not best.active:
        since = f", and in use by nobody since {best.seconds:.0f} s" if best.seconds is not None else ", and in use by nobody"
        return weak(seen + since, _RUN)
    return (
        weak(seen, "look at the archive's log, and at the disk of its folder") if best.behind > _FAR_BEHIND_BYTES else well(seen)
    )
