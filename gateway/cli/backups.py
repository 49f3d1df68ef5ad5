"""`jasho backup`, `jasho archive` and `jasho restore`: the whole database in a folder, sealed, and back."""

import re
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click
from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, func, select, text

from core import clock, migrations
from core.settings import Settings
from gateway import logs
from gateway.cli import archive, books, pg_clients, schema
from gateway.cli.command import Failure, configured, prepared, until_stopped
from gateway.cli.recovery import base_backup, point, receiver
from gateway.cli.recovery.folder import backup_key, in_one_line, made_whole, refuse_newer
from gateway.cli.recovery.progress import shown
from gateway.cli.recovery.segments import read as read_segments

_FILE = "database.dump.sealed"
_LONGEST_SLOT = 63
# The key of the lock by which of two restores into one database the later one is refused.
_TURN = 384_97
_PATH = click.Path(path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_TABLES = text(
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition ORDER BY 1"
)
_IS_EMPTY = text(
    "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema'))"
)


def _slot(_: click.Context, __: click.Parameter, name: str) -> str:
    """Of no other name: to take a standby's slot would lose what that one has not received."""
    if not re.fullmatch(rf"{receiver.SLOT}[a-z0-9_]*", name) or len(name) > _LONGEST_SLOT:
        raise click.BadParameter(f"a slot's name is {receiver.SLOT} with small letters, digits and _ behind it.")
    return name


@click.command("backup")
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option("--base", "is_base", is_flag=True, help="The server's files, to go on from with the WAL of `jasho archive`.")
def backup(folder: Path, is_base: bool) -> None:
    """Seals the whole database into DIR, a new folder."""
    with configured() as settings, in_one_line():
        key = backup_key(settings)
        with made_whole(folder) as unfinished:
            manifest = base_backup.take(settings, unfinished, key) if is_base else _dump(settings, unfinished, key)
            archive.write_manifest(unfinished, manifest, key)
        size = f"{manifest.size_bytes / 2**20:.1f} MiB"
        holds = "the server's files" if is_base else f"{manifest.counts['transfer']} transfers"
        click.echo(f"{click.format_filename(folder)} holds the database at version {manifest.schema}, {holds}, in {size}.")


@click.command("archive")
@click.argument("folder", metavar="DIR", type=_PATH)
@click.option(
    "--slot",
    default=receiver.SLOT,
    show_default=True,
    callback=_slot,
    help="By which the server knows it, and keeps what DIR lacks.",
)
def keep(folder: Path, slot: str) -> None:
    """Keeps the server's WAL in DIR, sealed, until it is stopped. A base backup and WAL bring any moment back."""
    with until_stopped(), configured() as settings, in_one_line():
        key = backup_key(settings)
        segments = receiver.open_folder(settings, folder, key)
        with receiver.alone(segments) as is_alone:
            if not is_alone:
                raise Failure(f"another jasho archive works in {folder}")
            logs.configure(settings, "archive")
            logs.tell_start(settings)
            receiver.Receiver(settings, segments, slot).run()


@click.command("restore")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--into", "data", metavar="DATADIR", type=_PATH, help="Of a base backup: a new folder for PostgreSQL.")
@click.option("--wal", metavar="WALDIR", type=_FOLDER, help="What `jasho archive` has kept.")
@click.option("--until", metavar="TIME", help="The moment to go back to, as 2026-11-26T14:05:00+03:00. Needs --wal.")
@click.option("--timeline", type=click.IntRange(1), help="Not the newest one, but one that a restore has left. Needs --wal.")
def restore(folder: Path, data: Path | None, wal: Path | None, until: str | None, timeline: int | None) -> None:
    """Brings a dump or a base backup back.

    A dump goes into an empty database, a base backup into an empty folder.
    """
    if wal is None and (until is not None or timeline):
        raise click.UsageError("--until and --timeline need --wal.")
    moment = _moment(until)
    with prepared() as settings, in_one_line():
        key = backup_key(settings)
        manifest = archive.read_manifest(folder, key)
        refuse_newer(manifest)
        if manifest.kind == archive.BASE:
            if data is None:
                raise Failure("this is a base backup: name a new folder for PostgreSQL by --into")
            segments = read_segments(wal, key) if wal else None
            _restore_base(point.Recovery(folder, manifest, key, segments, moment, timeline), data)
            return
        if manifest.kind != archive.DUMP:
            raise Failure(f"{folder} holds WAL: name a base backup, and this folder by --wal")
    if data is not None or wal is not None:
        raise Failure("this is a dump: it comes back into an empty database, as it was, without --into and --wal")
    with configured() as settings, in_one_line():
        _restore_dump(settings, folder, manifest, key)


def _restore_base(recovery: point.Recovery, data: Path) -> None:
    unproved = point.restore(recovery, data)
    if unproved:
        others = f" and {len(unproved) - 1} more" if len(unproved) > 1 else ""
        click.echo(f"Of the WAL, {unproved[0]}{others} had been received and not sealed yet: nothing proves it.")
    start = f"Start PostgreSQL {recovery.manifest.server} on it; it replays its WAL and opens."
    click.echo(f"{click.format_filename(data)} holds the database. {start}")
    click.echo("Then run `jasho migrate` and `jasho ledger verify`.")


def _restore_dump(settings: Settings, folder: Path, manifest: archive.Manifest, key: bytes) -> None:
    archive.check(folder, manifest, key)
    _load(settings, folder / manifest.file, manifest, key)
    schema.migrate(settings)
    with migrations.connected(settings.owner_database_url) as connection, connection.begin():
        connection.execute(select(func.ledger_begin_era(clock.now())))
    click.echo(f"The database of {manifest.taken_at} is back, at version {migrations.newest()}.")
    click.echo(books.prove(settings))


def _moment(text: str | None) -> datetime | None:
    """Raises UsageError. Without a zone nobody can tell whose clock is meant."""
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if text is not None and (moment is None or moment.tzinfo is None):
        raise click.UsageError("--until takes a moment with its zone, as 2026-11-26T14:05:00+03:00.")
    return moment


def _dump(settings: Settings, folder: Path, key: bytes) -> archive.Manifest:
    with migrations.connected(settings.owner_database_url) as connection:
        obstacle = migrations.find_obstacle(connection)
        if obstacle is not None:
            raise Failure(obstacle)
        connection.rollback()
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        pg_clients.lift_time_outs(connection)
        # A period of messages is dropped as a whole, whatever a snapshot still sees: none is before its rows are counted.
        connection.execute(text("LOCK TABLE outbox, sms_attempt IN ACCESS SHARE MODE"))
        server = _server(connection)
        snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
        program = pg_clients.find("pg_dump", server)
        # Uncompressed: its one snapshot keeps every old row version, and compressing makes it last five times as long.
        arguments = [
            "--format=custom",
            "--compress=none",
            "--no-owner",
            "--no-privileges",
            "--lock-wait-timeout=10s",
            f"--snapshot={snapshot}",
        ]
        variables = pg_clients.environment(settings.owner_database_url)
        running = pg_clients.running(program, arguments, variables, stdout=subprocess.PIPE)
        with shown("dumped") as progress, running as process:
            assert process.stdout is not None
            size, digest = archive.seal(progress.reading(process.stdout), folder / _FILE, key)
        version = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
        taken_at = clock.now().isoformat(timespec="seconds")
        return archive.Manifest(taken_at, version, server, _FILE, size, digest, _count(connection), _seal_head(connection))


def _load(settings: Settings, file: Path, manifest: archive.Manifest, key: bytes) -> None:
    """In one transaction: all of it or nothing."""
    with migrations.connected(settings.owner_database_url) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        pg_clients.lift_time_outs(connection)
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:turn)"), {"turn": _TURN}):
            raise Failure("another restore into this database is at work")
        if not connection.scalar(_IS_EMPTY):
            raise Failure("the database is not empty: make a new one, and name it in JASHO_DATABASE_URL")
        server = _server(connection)
        if server < manifest.server:
            raise Failure(f"the backup is of PostgreSQL {manifest.server}, and this server of {server}: take one that is as new")
        program = pg_clients.find("pg_restore", server)
        _fill(program, pg_clients.environment(settings.owner_database_url), file, manifest, key)
    with migrations.connected(settings.owner_database_url) as connection:
        pg_clients.lift_time_outs(connection)
        if (_count(connection), _seal_head(connection)) == (manifest.counts, manifest.seal_head):
            return
        # Nobody serves, migrates or restores there by mistake; what was loaded is still there to be looked at.
        connection.execute(text("ALTER SCHEMA public RENAME TO jasho_not_as_backed_up"))
        connection.commit()
        aside = "they are set aside in the schema jasho_not_as_backed_up; make a new database for another try"
        raise Failure(f"the restored rows are not as many as the backup's manifest says: {aside}")


def _fill(program: Path, variables: dict[str, str], file: Path, manifest: archive.Manifest, key: bytes) -> None:
    # A name alone would be taken for an address where it looks like one.
    database = make_conninfo(dbname=variables["PGDATABASE"])
    arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={database}"]
    running = pg_clients.running(program, arguments, variables, stdin=subprocess.PIPE)
    with shown("loaded", manifest.size_bytes) as progress, running as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended before, and says why
            for part in archive.unseal(file, key):
                process.stdin.write(part)
                progress.add(len(part))
            process.stdin.close()


def _server(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)


def _count(connection: Connection) -> dict[str, int]:
    tables = list(connection.scalars(_TABLES))
    return {table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}  # noqa: S608 - quoted by regclass


def _seal_head(connection: Connection) -> str:
    head = connection.scalar(text("SELECT number || ':' || encode(digest, 'hex') FROM seal ORDER BY number DESC LIMIT 1"))
    return str(head or "")
