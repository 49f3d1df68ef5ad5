"""Does somebody keep the WAL? Without it, what was posted since the last backup goes with the server."""

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.settings import Settings
from gateway.cli.doctor.finding import Finding, State, weak, well

_SLOTS = text("""
    SELECT slot_name, active, wal_status, pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn) AS behind,
        extract(epoch FROM clock_timestamp() - (to_jsonb(slots)->>'inactive_since')::timestamptz) AS seconds
    FROM pg_replication_slots slots WHERE slot_name LIKE 'jasho\\_archive%' ORDER BY active, slot_name
""")
# Four segments of the usual size: more than what waits for its segment to end.
_FAR_BEHIND_BYTES = 64 * 2**20
_RUN = "run jasho archive (docs/operating.md, Backups)"


async def archive(connection: AsyncConnection, settings: Settings) -> Finding:
    """Their replication slots: is each in use, and how far behind is what was confirmed last? Tells of the worst.

    One that nobody uses holds WAL back for nobody, until the server's disk is full.
    """
    slots = [_look(slot) for slot in await connection.execute(_SLOTS)]
    if not slots:
        nothing = "nothing keeps the WAL"
        return well(f"{nothing}: nobody needs it here") if settings.is_local else weak(nothing, _RUN)
    return next((finding for finding in slots if finding.state is not State.OK), slots[0])


def _look(slot: Row[Any]) -> Finding:
    if slot.wal_status == "lost" or slot.behind is None:
        return weak(f"the slot {slot.slot_name} has lost WAL", f"{_RUN}, and take a base backup")
    seen = f"the slot {slot.slot_name} is {slot.behind / 2**20:.0f} MB behind"
    if not slot.active:
        since = f", and in use by nobody since {slot.seconds:.0f} s" if slot.seconds is not None else ", and in use by nobody"
        return weak(seen + since, f"{_RUN}, or drop a slot that nobody needs any more")
    if slot.behind > _FAR_BEHIND_BYTES:
        return weak(seen, "look at the archive's log, and at the disk of its folder")
    return well(seen)
