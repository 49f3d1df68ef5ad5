"""A folder that gets its name when it is whole."""

import errno
import os
from pathlib import Path

import pytest

from gateway.cli.command import Failure
from gateway.cli.recovery.folder import made_whole


def test_a_data_folder_that_cannot_get_its_name_is_refused_before_the_work(tmp_path: Path) -> None:
    cases = ((tmp_path / "no" / "such", "cannot be made"), (Path("/proc"), "a disk of its own"))
    for folder, word in cases:
        with pytest.raises(Failure, match=word), made_whole(folder):
            pytest.fail("it was begun")


def test_a_full_disk_is_told_by_the_folders_name(tmp_path: Path) -> None:
    def fill() -> None:
        with made_whole(tmp_path / "data"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(Failure, match=r"data: No space left"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_that_one_stands_in_is_a_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    with made_whole(Path()) as unfinished:
        (unfinished / "mine").touch()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]
