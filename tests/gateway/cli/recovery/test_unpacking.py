"""What a base backup is unpacked to: files and folders below the data folder, on whichever Python."""

import io
import tarfile
from pathlib import Path

import pytest

from gateway.cli import archive
from gateway.cli.recovery.point import _extract

CONTENT = b"18\n"


def packed(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o600) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.size, member.linkname = kind, mode, len(CONTENT), "/etc/passwd"
        made.addfile(member, io.BytesIO(CONTENT))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer, mode="r|")


def extract(made: tarfile.TarFile, data: Path) -> None:
    with made:
        for member in made:
            _extract(made, member, data)


def test_a_file_comes_with_its_content_and_for_nobody_else(tmp_path: Path) -> None:
    extract(packed("base", tarfile.DIRTYPE, 0o700), tmp_path)
    extract(packed("base/PG_VERSION"), tmp_path)
    assert (tmp_path / "base" / "PG_VERSION").read_bytes() == CONTENT
    assert (tmp_path / "base" / "PG_VERSION").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "base").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("/outside", tarfile.REGTYPE),
        ("base/../../outside", tarfile.REGTYPE),
        ("../outside", tarfile.DIRTYPE),
        ("link", tarfile.SYMTYPE),
        ("link", tarfile.LNKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("device", tarfile.CHRTYPE),
    ],
)
def test_nothing_else_is_made_and_nothing_outside(tmp_path: Path, name: str, kind: bytes) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with pytest.raises(archive.BadBackup, match="a base backup has no"):
        extract(packed(name, kind), data)
    assert list(tmp_path.rglob("*")) == [data]
