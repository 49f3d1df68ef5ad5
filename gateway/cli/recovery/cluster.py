"""Which cluster a server is, and how its WAL is named."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

_SHOWN = text("""
    SELECT (SELECT system_identifier FROM pg_control_system())::text AS system,
        current_setting('server_version_num')::int / 10000 AS server,
        (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
        CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
            -- A checkpoint may come long after a promotion.
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END AS timeline,
        current_setting('wal_level') AS wal_level,
        (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = session_user) AS may_replicate
""")
_WORDS = 2**32


@dataclass(frozen=True, slots=True)
class Cluster:
    """`system` stays the same in every copy of its files; `timeline` grows where one of them goes another way."""

    system: str
    server: int
    segment_bytes: int
    timeline: int
    wal_level: str
    may_replicate: bool

    @property
    def obstacle(self) -> str | None:
        """Why nobody can copy its files or its WAL."""
        if not self.may_replicate:
            return "the login may not replicate: ALTER ROLE ... REPLICATION"
        if self.wal_level == "minimal":
            return "wal_level is minimal: set it to replica, and restart the server"
        return "PostgreSQL 15 or newer is needed" if self.server < 15 else None


def look(connection: Connection) -> Cluster:
    """The server's own words about itself."""
    row = connection.execute(_SHOWN).one()
    return Cluster(row.system, row.server, row.segment_bytes, row.timeline, row.wal_level, row.may_replicate)


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """A segment's file, as PostgreSQL names it."""
    in_a_word = _WORDS // segment_bytes
    return f"{timeline:08X}{number // in_a_word:08X}{number % in_a_word:08X}"


def segment_number(name: str, segment_bytes: int) -> int:
    """Which segment it is from the beginning of the cluster, on whichever timeline."""
    return int(name[8:16], 16) * (_WORDS // segment_bytes) + int(name[16:24], 16)


def timeline_of(name: str) -> int:
    """The timeline in the name of a segment or a history."""
    return int(name[:8], 16)
