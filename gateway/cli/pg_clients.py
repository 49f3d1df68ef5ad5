"""PostgreSQL's own programs, `pg_dump` and the like: which one fits the server, and how it is told where the server is."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, text

from core.db import plain_url
from gateway.cli.embedded import PROGRAMS

# Not every version has all of them.
_LIFTED = text("""
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN
        ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')
""")


class NoClient(Exception):
    """The message says in one line what is missing."""


class ClientFailed(Exception):
    """The message says in one line which program did not do its work, and what it complained of."""


def find(name: str, least: int, most: int = 2**31) -> Path:
    """The oldest one that is as new as a server of this major version, from the PATH or the embedded servers. Raises NoClient.

    What reads a server's own files must be of its version: that is then `most` too.
    """
    present: dict[int, Path] = {}
    for path in _candidates(name):
        major = _major(path)
        if major is not None:
            present.setdefault(major, path)
    fitting = [major for major in present if least <= major <= most]
    if fitting:
        return present[min(fitting)]
    newest = f"the newest here is of version {max(present)}" if present else "there is none here"
    needed = f"{name} of PostgreSQL {least}{'' if most == least else ' or newer'}"
    raise NoClient(f"{needed} is needed, and {newest}: install PostgreSQL's programs")


def environment(database_url: str) -> dict[str, str]:
    """The address as libpq's variables: a password on a command line could be read by everybody on the machine."""
    given = conninfo_to_dict(plain_url(database_url))
    variables = {}
    for option in pq.Conninfo.get_defaults():
        # What the address leaves open, libpq takes from its own variables and files, for the service as for its programs.
        value = given.get(option.keyword.decode()) or (option.val != option.compiled and option.val and option.val.decode())
        if option.envvar and value:
            variables[option.envvar.decode()] = str(value)
    return {**variables, "PGCONNECT_TIMEOUT": "10", "LC_MESSAGES": "C"}


def lift_time_outs(connection: Connection) -> None:
    """For a session that waits for one of the programs, which lift them for themselves alone."""
    connection.execute(_LIFTED)


def complaint(errors: str) -> str:
    """The first thing that a program has complained of, without the rows that its further lines may quote."""
    lines = [line for line in errors.splitlines() if " error: " in line or "FATAL:" in line] or errors.splitlines()
    return lines[0].strip() if lines else "it was stopped"


@contextmanager
def running(
    program: Path,
    arguments: Sequence[str | Path],
    variables: Mapping[str, str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    keeps_open: Sequence[int] = (),
) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs it beside the block. Kills it where the block fails: at the end of its input it would take a part for the whole.

    Raises ClientFailed where the program does not end well.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
            [program, *arguments], env=dict(variables), stdin=stdin, stdout=stdout, stderr=errors, pass_fds=keeps_open
        )
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):  # what it did not take
                        stream.close()
            process.wait()
        if process.returncode != 0:
            reason = complaint(os.pread(errors.fileno(), 65_536, 0).decode(errors="replace"))
            raise ClientFailed(f"{program.name} failed: {reason.removeprefix(f'{program.name}: error: ')}")


def _candidates(name: str) -> list[Path]:
    on_path = shutil.which(name)
    return ([Path(on_path)] if on_path else []) + [folder / name for folder in PROGRAMS]


def _major(path: Path) -> int | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(version[1]) if version else None
