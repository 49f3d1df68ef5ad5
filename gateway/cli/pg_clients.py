"""PostgreSQL's own programs, `pg_dump` and the like: which one fits the server, and how it is told where the server is."""

import re
import shutil
import subprocess
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from core.db import plain_url
from gateway.cli.embedded import PROGRAMS


class NoClient(Exception):
    """The message says in one line what is missing."""


def find(name: str, least: int) -> Path:
    """The oldest one that is as new as a server of this major version, from the PATH or the embedded servers. Raises NoClient."""
    present: dict[int, Path] = {}
    for path in _candidates(name):
        major = _major(path)
        if major is not None:
            present.setdefault(major, path)
    fitting = [major for major in present if major >= least]
    if fitting:
        return present[min(fitting)]
    newest = f"the newest here is of version {max(present)}" if present else "there is none here"
    raise NoClient(f"{name} of PostgreSQL {least} or newer is needed, and {newest}: install PostgreSQL's client programs")


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


def complaint(errors: str) -> str:
    """The first thing that a program has complained of, without the rows that its further lines may quote."""
    lines = [line for line in errors.splitlines() if " error: " in line or "FATAL:" in line] or errors.splitlines()
    return lines[0].strip() if lines else "it was stopped"


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
