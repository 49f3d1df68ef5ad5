"""The embedded servers: shared, adopted after a crash, stopped by the last one out."""

import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import psutil
import psycopg
import pytest
import redis

from core import migrations
from gateway.cli.embedded import FOLDER, CannotStart, InUse, Servers, embedded, forget
from tests.architecture.test_imports import recipe

_HOLD = """
import sys
from contextlib import suppress
from pathlib import Path
from gateway.cli.embedded import FOLDER, embedded
with embedded(Path(sys.argv[1])):
    print("up", flush=True)
    sys.stdin.read()
"""


def answer(servers: Servers) -> bool:
    """Do both servers answer?"""
    with psycopg.connect(servers.database_url) as connection, redis.Redis.from_url(servers.redis_url) as client:
        return connection.execute("SELECT 1").fetchone() == (1,) and bool(client.ping())


def check_stopped(servers: Servers) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(servers.database_url)
    with pytest.raises(redis.ConnectionError), redis.Redis.from_url(servers.redis_url) as client:
        client.ping()


def hold(folder: Path) -> "subprocess.Popen[str]":
    """Another process that uses the servers until its input ends."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_the_first_one_in_starts_them_and_the_last_one_out_stops_them(own_folder: Path) -> None:
    with embedded(own_folder) as outer:
        with embedded(own_folder) as inner:
            assert inner == outer
        assert answer(outer), "somebody else still uses them"
    check_stopped(outer)


def test_servers_left_behind_by_a_kill_are_adopted_with_their_data_and_stopped_in_the_end(own_folder: Path) -> None:
    process = hold(own_folder)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with embedded(own_folder) as servers:
        assert answer(servers)
    check_stopped(servers)


def test_a_number_file_left_by_a_power_cut_does_not_keep_postgres_from_starting(own_folder: Path) -> None:
    with embedded(own_folder):
        pass
    # The number now belongs to another process: this one.
    (own_folder / "postgres" / "postmaster.pid").write_text(f"1\n{own_folder}\n1\n5432\n\n\n\nready\n")
    with embedded(own_folder) as servers:
        assert answer(servers)


def test_a_path_too_long_for_a_socket_still_works(own_folder: Path) -> None:
    with embedded(own_folder / ("very-long-folder-name-" * 5)) as servers:
        assert answer(servers)


@pytest.mark.parametrize("name", ["it's a 50% \u00f1", "\u00f1 50%" * 12], ids=["short", "too long for a socket"])
def test_whatever_a_folder_is_called_its_servers_work(own_folder: Path, name: str) -> None:
    with embedded(own_folder / name) as servers:
        assert answer(servers)
        migrations.migrate(servers.database_url)


def test_a_checkout_whose_path_has_a_percent_sign_finds_its_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_FOLDER", Path("/50%/migrations"))
    assert migrations.configuration(MagicMock()).get_main_option("script_location") == "/50%/migrations"


def test_a_server_that_cannot_start_is_told_with_the_place_of_its_log(own_folder: Path) -> None:
    (own_folder / "postgres").mkdir()
    (own_folder / "postgres" / "PG_VERSION").write_text("18\n")
    with pytest.raises(CannotStart, match="PostgreSQL did not start; its log is"), embedded(own_folder):
        pass


def test_data_that_a_service_works_with_are_not_deleted_under_it(own_folder: Path) -> None:
    with embedded(own_folder / "test") as servers:
        with pytest.raises(InUse):
            forget(own_folder)
        assert answer(servers)


def test_data_are_deleted_when_nobody_uses_them_though_servers_were_left_behind(own_folder: Path) -> None:
    data = own_folder / "data"
    process = hold(data)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    postgres = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split("\n")[0]))
    forget(data)
    assert not data.exists()
    # Nobody here may collect a process whose parent was killed; a zombie writes nothing.
    assert not postgres.is_running() or postgres.status() == psutil.STATUS_ZOMBIE
    forget(data)


def test_cleaning_up_after_a_build_leaves_the_data() -> None:
    """Somebody's customers and books, and a service may run over them."""
    deleted = [word for command in recipe((FOLDER.parent / "Makefile").read_text(), "clean") for word in command.split()]
    assert ".jasho" not in deleted


def test_the_data_of_a_checkout_lie_at_its_root_where_git_and_make_look_for_them() -> None:
    assert Path(__file__).parents[3] / ".jasho" == FOLDER
    assert (FOLDER.parent / "Makefile").exists()
