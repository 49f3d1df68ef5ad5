"""The `jasho` command as an operator meets it: what it prints, where its errors go, how it stops."""

import os
import signal
import socket
import subprocess
from base64 import b64encode
from pathlib import Path

import click
import httpx2
import psycopg
import pytest

from core.settings import Settings, as_environment
from gateway.cli.main import main
from tests import databases, pins
from tests.conftest import JASHO, forget_sessions, free_port, serving
from tests.gateway.cli.command import check_failed_in_one_line, jasho

pytestmark = pytest.mark.system

# What production does not start without, beside its servers.
SECRETS = {
    "JASHO_CALLBACK_SECRET": "s3cret",
    "JASHO_PIN_PEPPER": "pepper",
    "JASHO_DATA_KEY": "ab" * 32,
}


def test_a_phone_in_the_terminal_shows_screens_and_takes_input(service_url: str) -> None:
    done = jasho(["dial", "*384*96#", "--phone", "0722000002", "--url", service_url], typed="4\n0711000001\n100\n4826\n")
    assert done.returncode == 0, done.stderr
    assert "1. Angalia Salio" in done.stdout
    assert "Tuma KES 100 kwa Asha Wanjiku" in done.stdout
    assert "imekamilika" in done.stdout
    assert pins.RIGHT not in done.stdout


def test_a_direct_dial_from_the_terminal(service_url: str) -> None:
    done = jasho(["dial", "*384*96*1#", "--phone", "0733000003", "--url", service_url])
    assert "Your balance is KES " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dial", "*384*96#", "--phone", "nobody"], ["nobody is not a mobile number"]),
        (["dial", "*100#", "--phone", "0711000001"], ["*384*96#"]),
        (["dial", "*384*96#", "--phone", "0711000001", "--url", "http://127.0.0.1:1"], ["nothing answers", "make run"]),
        (["menus", "graph", "--svg", "/nowhere/at/all.svg"], ["cannot write"]),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], words: list[str]) -> None:
    check_failed_in_one_line(jasho(arguments), *words)


def test_a_taken_port_is_told_before_anything_is_started() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        check_failed_in_one_line(jasho(["serve", "--port", port]), port, "--port")


def test_production_does_not_start_without_its_secrets_and_names_them() -> None:
    done = jasho(["serve"], JASHO_ENV="production")
    names = ["JASHO_DATABASE_URL", "JASHO_REDIS_URL", *SECRETS]
    check_failed_in_one_line(done, *names)


def test_demo_people_are_refused_in_production(settings: Settings) -> None:
    check_failed_in_one_line(jasho(["demo"], settings, JASHO_ENV="production", **SECRETS), "not for production")


def test_demo_people_may_be_loaded_twice(settings: Settings) -> None:
    for _ in range(2):
        done = jasho(["demo"], settings)
        assert done.returncode == 0, done.stderr
    with psycopg.connect(settings.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM customer").fetchone() == (3,)
        assert connection.execute("SELECT count(*) FROM transfer").fetchone() == (4,)


def test_the_books_are_proved_and_a_broken_one_is_named(settings: Settings) -> None:
    done = jasho(["ledger", "verify"], settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The books hold: ")
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE account SET balance = balance + 1 WHERE kind = 'wallet'")
    broken = jasho(["ledger", "verify"], settings)
    assert broken.returncode == 1
    assert "broken: a balance and a version are those of the newest posting: account " in broken.stderr
    assert "Traceback" not in broken.stderr
    databases.drop(settings.database_url)


def test_a_transfer_that_nobody_seals_is_told_by_verify(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM seal")
        connection.execute("UPDATE transfer SET created_at = created_at - interval '11 minutes'")
    done = jasho(["ledger", "verify"], settings)
    assert done.returncode == 0, "a developer's service that was stopped at once is no broken one"
    assert "weak: a transfer has waited " in done.stderr
    databases.drop(settings.database_url)


def test_a_database_that_is_away_is_told_in_one_line(settings: Settings) -> None:
    away = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", redis_url=settings.redis_url)
    check_failed_in_one_line(jasho(["migrate"], away), "database")
    check_failed_in_one_line(jasho(["ledger", "verify"], away), "database")


def test_a_table_that_somebody_keeps_locked_is_told_in_one_line(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as stranger:
        stranger.execute("LOCK TABLE claim")
        check_failed_in_one_line(jasho(["ledger", "verify"], settings), "too busy", "Try again")


@pytest.mark.parametrize("command", [["migrate"], ["worker"], ["ledger", "verify"]])
def test_a_port_that_accepts_and_says_nothing_is_told_in_one_line(settings: Settings, command: list[str]) -> None:
    """Else a migration in a script stands still for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        check_failed_in_one_line(jasho(command, Settings(database_url=address, redis_url=settings.redis_url)), "database")


def test_a_migration_is_harmless_a_second_time(settings: Settings) -> None:
    done = jasho(["migrate"], settings)
    assert (done.returncode, done.stdout) == (0, "The database is at the newest schema.\n")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE schema_contract SET complete = '0004'", ["older than this release", "run `jasho migrate` first"]),
        ("DELETE FROM schema_contract", ["older than this release", "run `jasho migrate` first"]),
        ("DROP TABLE schema_contract", ["older than this release", "run `jasho migrate` first"]),
        ("UPDATE schema_contract SET oldest = '9998', complete = '9999'", ["before version 9998", "start a newer release"]),
    ],
)
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_service_that_the_schema_does_not_fit_says_what_to_do(
    settings: Settings, command: str, statement: str, words: list[str]
) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(statement.encode())
    port = ["--port", str(free_port())] if command == "serve" else []
    check_failed_in_one_line(jasho([command, *port], settings, JASHO_ENV="production", **SECRETS), *words)


def test_the_release_before_starts_again_on_a_later_schema_that_fits_it(
    settings: Settings, servers_environment: dict[str, str]
) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE schema_contract SET complete = '0099'")
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
    databases.forget_ids(settings.database_url)
    with serving({**servers_environment, **SECRETS, "JASHO_ENV": "production"}, "--no-worker") as url:
        assert httpx2.get(f"{url}/readyz").status_code == 200
    done = jasho(["migrate"], settings)
    assert (done.returncode, "ahead of this release" in done.stdout) == (0, True)


def test_the_menus_are_checked_and_drawn(tmp_path: Path) -> None:
    assert "are well in every language" in jasho(["menus", "lint"]).stdout
    assert jasho(["menus", "graph"]).stdout.startswith("flowchart LR\n")
    assert jasho(["menus", "graph", "--svg", str(tmp_path / "menus.svg")]).returncode == 0
    assert (tmp_path / "menus.svg").read_text().startswith("<svg ")


def test_several_processes_serve_one_customer_and_production_shows_no_simulator(servers_environment: dict[str, str]) -> None:
    databases.forget_ids(servers_environment["JASHO_DATABASE_URL"])
    with serving({**servers_environment, **SECRETS, "JASHO_ENV": "production"}, "--workers", "2", "--no-worker") as url:
        form = {"sessionId": "ATUid_w", "phoneNumber": "+254711000001", "serviceCode": "*384*96#"}
        for count, inputs in enumerate(["", "1", "1*0", "1*0*1"]):
            body = httpx2.post(f"{url}/api/ussd/africastalking/s3cret", data={**form, "text": inputs}).text
            assert ("Jasho" if count % 2 == 0 else "Your balance is KES") in body
        assert httpx2.get(f"{url}/simulator").status_code == 404
        assert httpx2.post(f"{url}/api/ussd/africastalking/local", data=form).status_code == 404


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="another system shows no process's first environment")
def test_what_only_the_owner_needs_is_in_no_process_that_serves(servers_environment: dict[str, str]) -> None:
    canary, key = "canary-of-the-owner", b64encode(b"canary-of-the-backups-key-32-by!").decode()
    owners = {"JASHO_MIGRATE_DATABASE_URL": f"postgresql://owner:{canary}@localhost/jasho", "JASHO_BACKUP_KEY": key}
    databases.forget_ids(servers_environment["JASHO_DATABASE_URL"])
    environment = {**servers_environment, **SECRETS, **owners, "JASHO_ENV": "production"}
    database = servers_environment["JASHO_DATABASE_URL"].encode()
    with serving(environment, "--workers", "2", "--no-worker"):
        service = [environ for environ in map(_environ, Path("/proc").glob("[0-9]*")) if database in environ]
    assert len(service) >= 3, "the process that was started, and two that answer"
    assert not [name for name in (canary, key) for environ in service if name.encode() in environ]


def _environ(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""  # it has ended, or is somebody else's


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_stops_when_it_is_told_to(servers_environment: dict[str, str], stop: signal.Signals) -> None:
    environment = {**os.environ, **servers_environment}
    with subprocess.Popen(
        [JASHO, "worker"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "The worker runs" in process.stdout.readline()
        process.send_signal(stop)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@pytest.fixture
def servers_environment(settings: Settings) -> dict[str, str]:
    """Where a process of its own finds this test's database and Redis."""
    assert databases.PREFIX in settings.database_url
    forget_sessions(settings.redis_url)
    return {name: value for name, value in as_environment(settings).items() if name.endswith("_URL")}


def test_tariffs_are_checked_before_an_operator_uses_them(tmp_path: Path) -> None:
    assert "send in KES from 2026-01-01: 12 bands, up to KES 250,000" in jasho(["tariffs", "check"]).stdout
    wrong = tmp_path / "tariffs.toml"
    wrong.write_text(
        '[[tariff]]\nkind = "send"\ncurrency = "KES"\nfrom = 2026-01-01\nexcise_percent = 15\nleast = 1\n'
        "bands = [{ to = 500, fee = 7 }, { to = 100, fee = 3 }]\n"
    )
    check_failed_in_one_line(jasho(["tariffs", "check", str(wrong)]), "the band to 100 comes after the one to 500", "costs less")
    wrong.write_text("not toml")
    check_failed_in_one_line(jasho(["tariffs", "check", str(wrong)]), "not TOML")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["dial"], "CODE"),
        (["serve", "--port", "x"], "--port"),
        (["serve", "--port", "99999"], "1<=x<=65535"),
        (["serve", "--workers", "0"], "--workers"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_command_written_wrongly_is_told_in_one_line(arguments: list[str], named: str) -> None:
    check_failed_in_one_line(jasho(arguments), named, "--help")


# Commands after which money is elsewhere and does not come back. A new command belongs into one of the two.
MOVES_MONEY = {"agent add", "claims approve", "float buy", "float sell", "jobs settle"}
MOVES_NONE = {
    *(
        "serve",
        "archive",
        "worker",
        "migrate",
        "demo",
        "forget",
        "dial",
        "doctor",
        "sms",
        "ledger verify",
        "tariffs check",
        "menus lint",
        "menus graph",
    ),
    *("jobs disputes", "claims list", "claims decline"),
    *("backup", "restore", "switch on", "switch off", "switch list", "banner set", "banner clear"),
}


def commands(group: click.Group, prefix: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        path = f"{prefix}{name}"
        found |= commands(command, f"{path} ") if isinstance(command, click.Group) else {path: command}
    return found


def test_every_command_that_moves_money_can_be_told_yes_and_no_other_asks() -> None:
    every = commands(main)
    assert set(every) == MOVES_MONEY | MOVES_NONE
    asking = {path for path, command in every.items() if any(parameter.name == "yes" for parameter in command.params)}
    assert asking == MOVES_MONEY


def test_what_a_command_does_is_read_to_the_end_in_the_list() -> None:
    """A terminal is 80 columns wide; click cuts what is longer, in the middle of its sentence."""
    lists = ["jasho", *(f"jasho {name}" for name, command in main.commands.items() if isinstance(command, click.Group))]
    for words in (line.split()[1:] for line in lists):
        listed = jasho([*words, "--help"], COLUMNS="80").stdout.partition("\nCommands:\n")[2].splitlines()
        assert listed
        assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_a_check_of_the_worker_fails_where_none_works(settings: Settings) -> None:
    check_failed_in_one_line(jasho(["worker", "--check"], settings), "no worker of this machine works")
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(
            "INSERT INTO heartbeat VALUES (gen_random_uuid(), %s, '0', now(), now())",
            [socket.gethostname()],
        )
    done = jasho(["worker", "--check"], settings)
    assert (done.returncode, done.stdout) == (0, "A worker of this machine works.\n")


def test_migrate_makes_the_login_of_the_service_and_says_what_is_wrong_with_its_address(settings: Settings) -> None:
    url = settings.database_url.replace("://postgres@", "://jasho_of_the_command_line:word@", 1)
    done = jasho(["migrate"], settings, JASHO_DATABASE_URL=url, JASHO_MIGRATE_DATABASE_URL=settings.database_url)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(settings.database_url) as owner:
        row = owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'jasho_of_the_command_line'").fetchone()
        owner.execute("DROP ROLE jasho_of_the_command_line")
    assert row == (False,)
    nameless = settings.database_url.replace("postgres@", "", 1)
    done = jasho(["migrate"], settings, JASHO_DATABASE_URL=nameless, JASHO_MIGRATE_DATABASE_URL=settings.database_url)
    check_failed_in_one_line(done, "names no user")
