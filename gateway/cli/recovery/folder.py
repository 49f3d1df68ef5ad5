"""What every command about backups needs: the key, a folder that is whole or is not there, and errors in one line."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from core import migrations
from core.settings import Settings, variable
from gateway.cli import archive, pg_clients
from gateway.cli.command import Failure, first_line

# Nobody else is told which file it was.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def backup_key(settings: Settings) -> bytes:
    """The key that backups are sealed under. Raises Failure where it is everybody's."""
    if not settings.is_local and settings.backup_key_bytes == Settings().backup_key_bytes:
        raise Failure(f"{variable('backup_key')} is needed in production and is not set, or the local default")
    return settings.backup_key_bytes


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """A folder beside it, that gets the name when the block ends. Where it fails, nothing is left; a kill leaves it unnamed."""
    # A dot has no name.
    named = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links above it too
    if named.is_mount():
        raise Failure(f"{folder} is a disk of its own, which cannot be renamed: name a folder in it")
    if named.is_symlink() or (named.exists() and (not named.is_dir() or any(named.iterdir()))):
        raise Failure(f"{folder} is there already: name a new folder")
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f".{named.name}.unfinished-", dir=named.parent))
    except OSError as error:
        raise Failure(f"{folder} cannot be made: {error.strerror}") from error
    try:
        yield unfinished
        archive.sync(unfinished)
        unfinished.rename(named)
        archive.sync(named.parent)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Failure(f"{folder}: {error.strerror}") from error
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def refuse_newer(manifest: archive.Manifest) -> None:
    """Raises Failure where the backup is of a release that this one does not know."""
    # Versions are numbers with zeros before them; one that is longer is higher.
    newest = migrations.newest()
    if (len(manifest.schema), manifest.schema) > (len(newest), newest):
        raise Failure(f"the backup is at version {manifest.schema}, ahead of this release: take a newer release")


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turns what may go wrong with files, programs and servers into Failure."""
    try:
        yield
    except (archive.BadBackup, pg_clients.NoClient, pg_clients.ClientFailed) as error:
        raise Failure(str(error)) from error
    except (SQLAlchemyError, psycopg.Error) as error:
        raise Failure(f"the database does not answer: {first_line(error)}") from error
    except OSError as error:
        raise Failure(f"{error.filename or 'the backup'}: {error.strerror or os.strerror(error.errno or 0)}") from error
