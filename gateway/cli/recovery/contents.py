"""Proves an unpacked base backup by PostgreSQL's own `backup_manifest`, as `pg_verifybackup` does.

Not every build of PostgreSQL brings a `pg_verifybackup` that starts.
"""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from gateway.cli import archive, pg_clients

_MANIFEST = "backup_manifest"


def prove(data: Path, server: int) -> None:
    """Every file with its size and checksum, and each record of the WAL that makes them one moment. Raises BadBackup."""
    try:
        content = (data / _MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(content)
        files = {_path(file): file for file in manifest["Files"]}
        ranges = manifest["WAL-Ranges"]
        # Of everything before the line that it stands on.
        before = content[: content.rindex(b'"Manifest-Checksum"')]
        is_whole = hashlib.sha256(before).hexdigest() == manifest["Manifest-Checksum"]
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise archive.BadBackup(f"the base backup's {_MANIFEST} is damaged") from error
    if not is_whole:
        raise archive.BadBackup(f"the base backup's {_MANIFEST} is changed")
    for name, file in files.items():
        path = data / name
        if not path.is_file() or path.stat().st_size != file["Size"]:
            raise archive.BadBackup(f"the base backup has not all of {name}")
        with path.open("rb") as source:
            if hashlib.file_digest(source, "sha256").hexdigest() != file["Checksum"]:
                raise archive.BadBackup(f"the base backup's {name} is changed")
    for part in ranges:
        _prove_wal(data, server, str(part["Timeline"]), part["Start-LSN"], part["End-LSN"])


def _path(file: dict[str, Any]) -> str:
    return str(file["Path"]) if "Path" in file else bytes.fromhex(file["Encoded-Path"]).decode(errors="surrogateescape")


def _prove_wal(data: Path, server: int, timeline: str, start: str, end: str) -> None:
    program = pg_clients.find("pg_waldump", server, most=server)
    arguments = ["--quiet", f"--path={data / 'pg_wal'}", f"--timeline={timeline}", f"--start={start}", f"--end={end}"]
    with pg_clients.running(program, arguments, {"LC_MESSAGES": "C"}, stdout=subprocess.DEVNULL):
        pass
