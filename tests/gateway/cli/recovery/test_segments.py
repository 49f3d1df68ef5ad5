"""The folder of `jasho archive`: nothing sealed is lost or written over, whatever is killed, full or of another history."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli import archive
from gateway.cli.recovery import cluster, lineage, segments
from gateway.cli.recovery.segments import Segments

KEY = bytes(range(32))
MEGABYTE = 2**20
NAME = "000000010000000000000007"


class Killed(BaseException):
    """Nobody catches it, as nobody catches a kill."""


def opened(folder: Path, system: str = "1") -> Segments:
    return segments.begin(folder, KEY, cluster.Cluster(system, 18, MEGABYTE, 1, "replica", may_replicate=True))


def receive(made: Segments, name: str = NAME, content: bytes = b"wal") -> None:
    (made.received / name).write_bytes(content.ljust(MEGABYTE, b"\0"))


def content(made: Segments, name: str = NAME) -> bytes:
    return b"".join(made.read(name)).rstrip(b"\0")


def test_a_kill_between_any_two_steps_of_sealing_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (owner, step) in enumerate([(archive, "seal"), (Path, "rename"), (archive, "sync"), (Path, "unlink")]):
        for is_done_before in (False, True):
            made = opened(tmp_path / f"{number}{is_done_before}")
            receive(made)
            with monkeypatch.context() as patch:
                patch.setattr(owner, step, killing(getattr(owner, step), is_done_before=is_done_before))
                with pytest.raises(Killed):
                    made.seal(NAME)
            assert made.in_clear() == {NAME} or content(made) == b"wal"
            for name in made.in_clear():
                made.seal(name)
            assert content(made) == b"wal"
            assert made.in_clear() == set()


def killing(step: Callable[..., object], *, is_done_before: bool) -> Callable[..., object]:
    def killed(*arguments: object, **options: object) -> object:
        # What makes room for the work comes first, and is not what is meant.
        if options.get("missing_ok"):
            return step(*arguments, **options)
        if is_done_before:
            step(*arguments, **options)
        raise Killed

    return killed


def test_a_segment_of_another_history_never_takes_the_place_of_what_is_sealed(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    receive(made)
    made.seal(NAME)
    receive(made, content=b"other")
    with pytest.raises(archive.BadBackup, match="another history"):
        made.seal(NAME)
    assert content(made) == b"wal"
    assert made.in_clear() == {NAME}


def test_of_two_parts_of_a_segment_the_longer_one_stays(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    for part in (b"a part", b"a part and more", b"a part"):
        receive(made, f"{NAME}.partial", part)
        made.seal(f"{NAME}.partial")
    assert content(made, f"{NAME}.partial") == b"a part and more"


def test_parts_that_do_not_agree_are_of_two_histories(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    for part in (b"a part", b"another part that is longer"):
        receive(made, f"{NAME}.partial", part)
        if part == b"a part":
            made.seal(f"{NAME}.partial")
    with pytest.raises(archive.BadBackup, match="another history"):
        made.seal(f"{NAME}.partial")
    assert content(made, f"{NAME}.partial") == b"a part"


def test_a_segment_that_ends_while_it_is_restored_is_read_all_the_same(tmp_path: Path) -> None:
    for number, seals in enumerate((False, True)):
        made = opened(tmp_path / str(number))
        receive(made, f"{NAME}.partial")
        [piece] = lineage.follow(made, NAME, {}, None).pieces
        (made.received / f"{NAME}.partial").rename(made.received / NAME)
        if seals:
            made.seal(NAME)
        assert b"".join(piece.read(made)).rstrip(b"\0") == b"wal"


def test_of_a_part_that_was_sealed_and_went_on_later_all_is_restored(tmp_path: Path) -> None:
    made, part = opened(tmp_path / "wal"), f"{NAME}.partial"
    receive(made, part, b"a part")
    made.seal(part)
    for received, restored in ((b"a part and more", b"a part and more"), (b"a", b"a part")):
        receive(made, part, received)
        [piece] = lineage.follow(made, NAME, {}, None).pieces
        assert b"".join(piece.read(made)).rstrip(b"\0") == restored


def test_a_part_that_a_full_disk_kept_from_its_size_holds_nothing(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    receive(made)
    after = made.received / f"{NAME[:-1]}8.partial"
    after.write_bytes(b"\0" * 4096)
    assert [piece.name for piece in lineage.follow(made, NAME, {}, None).pieces] == [NAME]
    made.drop_empty_parts()
    assert list(made.received.iterdir()) == [made.received / NAME]


def named(timeline: int, number: int) -> str:
    return cluster.segment_name(timeline, number, MEGABYTE)


def sealed(made: Segments, name: str, content: bytes = b"wal") -> None:
    (made.received / name).write_bytes(content if name.endswith("history") else content.ljust(MEGABYTE, b"\0"))
    made.seal(name)


def chain(made: Segments) -> tuple[list[str], str | None]:
    followed = lineage.follow(made, named(1, 5), {}, None)
    return [piece.name for piece in followed.pieces if piece.is_segment], followed.missing


def test_what_was_left_behind_in_the_segment_where_another_way_begins_is_not_replayed(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    for number in (5, 6, 7, 8):
        sealed(made, named(1, number))
    sealed(made, "00000002.history", f"1\t0/{7 * MEGABYTE + 1000:X}\tno reason\n".encode())
    before = [named(1, 5), named(1, 6)]
    assert chain(made) == (before, named(2, 7))
    sealed(made, named(2, 8))
    assert chain(made) == (before, named(2, 7))
    sealed(made, named(2, 7))
    assert chain(made) == ([*before, named(2, 7), named(2, 8)], None)


def test_a_history_that_anybody_may_have_written_leads_nowhere_in_one_line(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    sealed(made, named(1, 5))
    for written in (b"", b"9" * 5000 + b"\t0/0\tx", b"1\t" + b"F" * 5000 + b"/0\tx", b"\xff 1/2", b"2\tFFFFFFFF/FFFFFFFF\tx"):
        (made.received / "00000002.history").write_bytes(written)
        with pytest.raises(archive.BadBackup, match="does not go on from this backup"):
            chain(made)


def test_a_moment_in_the_part_before_a_gap_is_reached(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    for name in (named(1, 5), f"{named(1, 6)}.partial", named(1, 8)):
        sealed(made, name)
    assert chain(made) == ([named(1, 5), f"{named(1, 6)}.partial"], named(1, 6))


def test_what_comes_next_in_an_archive_is_not_what_the_other_way_has(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    assert lineage.missing_from(made, 1) is None
    sealed(made, f"{named(1, 5)}.partial")
    assert lineage.missing_from(made, 1) == named(1, 5)
    sealed(made, named(1, 5))
    assert lineage.missing_from(made, 1) == named(1, 6)
    (made.folder / "odd.sealed").touch()
    sealed(made, "00000002.history", f"1\t0/{8 * MEGABYTE:X}\tno reason\n".encode())
    # The second way begins in the eighth.
    assert lineage.missing_from(made, 2) == named(1, 6)
    for number in range(6, 12):
        sealed(made, named(1, number))
    assert lineage.missing_from(made, 1) == named(1, 12)
    assert lineage.missing_from(made, 2) == named(2, 8)
    sealed(made, named(2, 8))
    assert lineage.missing_from(made, 2) == named(2, 9)


def test_what_is_received_is_for_its_owner_alone_in_a_folder_that_was_copied_too(tmp_path: Path) -> None:
    made = opened(tmp_path / "wal")
    made.received.chmod(0o755)
    assert opened(tmp_path / "wal").received.stat().st_mode & 0o077 == 0


def test_what_a_full_disk_leaves_of_a_sealed_file_does_not_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = opened(tmp_path / "wal")
    receive(made)

    def fill(_: object, file: Path, *__: object) -> None:
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive, "seal", fill)
    with pytest.raises(OSError, match="No space"):
        made.seal(NAME)
    assert not list(made.folder.glob(".*unfinished"))


def test_a_folder_is_for_one_server_and_one_key(tmp_path: Path) -> None:
    opened(tmp_path / "wal")
    with pytest.raises(archive.BadBackup, match="another server"):
        opened(tmp_path / "wal", system="2")
    with pytest.raises(archive.BadBackup, match="another key"):
        segments.read(tmp_path / "wal", KEY[::-1])
