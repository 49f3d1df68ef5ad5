"""A base backup: the server's files as they are while it works, and the WAL that makes them one moment, in a sealed file."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from core import ids, migrations
from core.settings import Settings
from gateway.cli import archive, pg_clients
from gateway.cli.command import Failure
from gateway.cli.recovery import cluster
from gateway.cli.recovery.progress import shown

FILE = "base.tar.gz.sealed"
_ARGUMENTS = (
    # To its standard output, so that nothing is on a disk in clear.
    "--pgdata=-",
    "--format=tar",
    "--compress=client-gzip:1",
    "--wal-method=fetch",
    "--checkpoint=fast",
    "--manifest-checksums=SHA256",
    "--no-password",
)


def take(settings: Settings, folder: Path, key: bytes) -> archive.Manifest:
    """Seals it into the folder. Holds no snapshot: who posts meanwhile writes no more versions than else. Raises Failure."""
    with migrations.connected(settings.owner_database_url) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        pg_clients.lift_time_outs(connection)
        server = cluster.look(connection)
        if obstacle := server.obstacle or migrations.find_obstacle(connection):
            raise Failure(obstacle)
        version = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
        program = pg_clients.find("pg_basebackup", server.server)
        variables = pg_clients.environment(settings.owner_database_url)
        with _wal_kept(connection, server) as wal_from:
            running = pg_clients.running(program, _ARGUMENTS, variables, stdout=subprocess.PIPE)
            with shown("copied") as progress, running as process:
                assert process.stdout is not None
                size, digest = archive.seal(progress.reading(process.stdout), folder / FILE, key)
            # By the server's clock, whose times are in the WAL.
            taken_at = connection.scalar(text("SELECT clock_timestamp()"))
    assert taken_at is not None
    return archive.Manifest(
        taken_at.isoformat(),
        version,
        server.server,
        FILE,
        size,
        digest,
        {},
        "",
        kind=archive.BASE,
        system=server.system,
        segment_bytes=server.segment_bytes,
        wal_from=wal_from,
    )


@contextmanager
def _wal_kept(connection: Connection, server: cluster.Cluster) -> Iterator[str]:
    """The server keeps its WAL from the segment on that is named, until the block ends or the connection does."""
    slot = f"jasho_base_{ids.new_id().hex[-12:]}"
    kept_from = connection.scalar(
        text("SELECT lsn - '0/0' FROM pg_create_physical_replication_slot(:slot, true, true)"), {"slot": slot}
    )
    assert kept_from is not None
    yield cluster.segment_name(server.timeline, int(kept_from) // server.segment_bytes, server.segment_bytes)
    connection.execute(text("SELECT pg_drop_replication_slot(:slot)"), {"slot": slot})
