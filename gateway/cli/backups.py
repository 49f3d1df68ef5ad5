"""`jasho backup` and `jasho restore`: the whole database in a folder, sealed, and back into an empty one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from core import clock, migrations
from core.settings import Settings, variable
from gateway.cli import archive, books, pg_clients, schema
from gateway.cli.command import Failure, configured, first_line

_FILE = "database.dump.sealed"
_TABLES = text(
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition ORDER BY 1"
)
_IS_EMPTY = text(
    "SELECT NOT EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    " AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg\\_%' OR nspname = 'information_schema'))"
)


@click.command("backup")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Seals the whole database into DIR, a new folder."""
    with configured() as settings, _in_one_line():
        key = _key(settings)
        if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
            raise Failure(f"{folder} is there already: name a new folder")
        # Beside it, so that it can be moved there at once when it is whole.
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.unfinished-", dir=folder.absolute().parent))
        try:
            manifest = _dump(settings, unfinished, key)
            archive.write_manifest(unfinished, manifest, key)
            _sync(unfinished)
            unfinished.rename(folder)
            _sync(folder.absolute().parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        size = f"{manifest.size_bytes / 2**20:.1f} MiB"
        transfers = manifest.counts["transfer"]
        click.echo(f"{folder} holds the database at version {manifest.schema}, {transfers} transfers, in {size}.")


@click.command("restore")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(folder: Path) -> None:
    """Brings a backup back, into an empty database."""
    with configured() as settings, _in_one_line():
        key = _key(settings)
        manifest = archive.read_manifest(folder, key)
        if manifest.schema > migrations.newest():
            raise Failure(f"the backup is at version {manifest.schema}, ahead of this release: take a newer release")
        archive.check(folder, manifest, key)
        _load(settings, folder / manifest.file, manifest, key)
        schema.migrate(settings)
        with migrations.connected(settings.owner_database_url) as connection, connection.begin():
            connection.execute(select(func.ledger_begin_era(clock.now())))
        click.echo(f"The database of {manifest.taken_at} is back, at version {migrations.newest()}.")
        click.echo(books.prove(settings))


def _dump(settings: Settings, folder: Path, key: bytes) -> archive.Manifest:
    with migrations.connected(settings.owner_database_url) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        # It waits for pg_dump, which lifts these for itself alone.
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        obstacle = migrations.find_obstacle(connection)
        if obstacle is not None:
            raise Failure(obstacle)
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
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                [program, *arguments],
                env=pg_clients.environment(settings.owner_database_url),
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            with _ended(process):
                assert process.stdout is not None
                size, digest = archive.seal(process.stdout, folder / _FILE, key)
                _check_end(process, "pg_dump", errors.fileno())
        version = str(connection.scalar(text("SELECT version_num FROM alembic_version")))
        taken_at = clock.now().isoformat(timespec="seconds")
        return archive.Manifest(taken_at, version, server, _FILE, size, digest, _count(connection), _seal_head(connection))


def _load(settings: Settings, file: Path, manifest: archive.Manifest, key: bytes) -> None:
    """In one transaction: all of it or nothing."""
    with migrations.connected(settings.owner_database_url) as connection:
        if not connection.scalar(_IS_EMPTY):
            raise Failure("the database is not empty: make a new one, and name it in JASHO_DATABASE_URL")
        program = pg_clients.find("pg_restore", max(_server(connection), manifest.server))
    variables = pg_clients.environment(settings.owner_database_url)
    arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    arguments.append(f"--dbname={variables['PGDATABASE']}")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([program, *arguments], env=variables, stdin=subprocess.PIPE, stderr=errors)  # noqa: S603
        with _ended(process):
            assert process.stdin is not None
            try:
                for part in archive.unseal(file, key):
                    process.stdin.write(part)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it has ended before, and says why
            _check_end(process, "pg_restore", errors.fileno())
    with migrations.connected(settings.owner_database_url) as connection:
        if (_count(connection), _seal_head(connection)) != (manifest.counts, manifest.seal_head):
            raise Failure("the restored rows are not as many as the backup's manifest says")


def _key(settings: Settings) -> bytes:
    if not settings.is_local and settings.backup_key_bytes == Settings().backup_key_bytes:
        raise Failure(f"{variable('backup_key')} is needed in production and is not set, or the local default")
    return settings.backup_key_bytes


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except (archive.BadBackup, pg_clients.NoClient) as error:
        raise Failure(str(error)) from error
    except SQLAlchemyError as error:
        raise Failure(f"the database does not answer: {first_line(error)}") from error
    except OSError as error:
        raise Failure(f"{error.filename or 'the backup'}: {error.strerror}") from error


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kills it where the block fails: at the end of its input it would take a part for the whole."""
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # what it did not take
                    stream.close()
        process.wait()


def _check_end(process: "subprocess.Popen[bytes]", name: str, errors: int) -> None:
    if process.wait() != 0:
        os.lseek(errors, 0, os.SEEK_SET)
        complaint = pg_clients.complaint(os.read(errors, 4096).decode(errors="replace"))
        raise Failure(f"{name} failed: {complaint.removeprefix(f'{name}: error: ')}")


def _server(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT current_setting('server_version_num')::int / 10000")) or 0)


def _count(connection: Connection) -> dict[str, int]:
    tables = list(connection.scalars(_TABLES))
    return {table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}  # noqa: S608 - quoted by regclass


def _seal_head(connection: Connection) -> str:
    head = connection.scalar(text("SELECT number || ':' || encode(digest, 'hex') FROM seal ORDER BY number DESC LIMIT 1"))
    return str(head or "")


def _sync(folder: Path) -> None:
    """A rename lasts when its folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
