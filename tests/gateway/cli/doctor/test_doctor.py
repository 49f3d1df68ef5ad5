"""`jasho doctor` as an operator meets it: what is wrong stands there in a line, also when nothing answers, and no secret does."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core import chores, clock, ids
from core.credentials import canaries
from core.db import Database
from core.ledger.seal import seal
from core.migrations import logins
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli import pg_clients
from gateway.cli.doctor import configured, database, machine, providers
from gateway.cli.doctor.archive import archive
from gateway.cli.doctor.finding import State
from gateway.cli.embedded import embedded
from tests.conftest import free_port
from tests.gateway.cli.command import jasho
from tests.gateway.cli.recovery import clusters

GOOD = "0123456789abcdef" * 4
SECRETS: dict[str, Any] = {"pin_pepper": GOOD, "data_key": GOOD, "callback_secret": GOOD}
CANARY = "canary-that-nobody-may-read"


def production(**changes: Any) -> Settings:
    return Settings(env="production", **{**SECRETS, "public_url": "https://jasho.example", **changes})


@pytest.mark.system
def test_a_developers_machine_is_told_of_its_weaknesses_and_is_well(settings: Settings) -> None:
    done = jasho(["doctor"], settings)
    assert done.returncode == 0, done.stdout
    assert "schema: fits this release" in done.stdout
    assert "weak    secrets: everybody's" in done.stdout
    assert done.stderr == ""


@pytest.mark.system
def test_a_fresh_checkout_is_told_what_to_do_and_is_well(own_folder: Path) -> None:
    with embedded(own_folder) as servers:
        fresh = Settings(database_url=servers.database_url, redis_url=servers.redis_url)
        done = jasho(["doctor"], fresh)
        assert done.returncode == 0, done.stdout
        assert "schema: nothing is in the database yet. To do: run jasho migrate" in done.stdout
        assert (
            jasho(["doctor"], replace(fresh, env="production", pin_pepper=GOOD, data_key=GOOD, callback_secret=GOOD)).returncode
            == 1
        )


@pytest.mark.system
def test_a_script_reads_the_same_fields_of_every_check(settings: Settings) -> None:
    found = json.loads(jasho(["doctor", "--json"], settings).stdout)
    assert set(found) == {"ok", "checks"}
    assert found["ok"] is True
    assert {tuple(check) for check in found["checks"]} == {("name", "state", "seen", "do")}
    assert {check["state"] for check in found["checks"]} <= {"ok", "weak", "broken"}
    assert all(check["do"] for check in found["checks"] if check["state"] != "ok")
    names = [check["name"] for check in found["checks"]]
    assert len(set(names)) == len(names)


@pytest.mark.system
def test_with_everything_down_each_check_is_a_line_without_a_secret(settings: Settings) -> None:
    address = f"127.0.0.1:{free_port()}"
    done = jasho(
        ["doctor"],
        settings,
        JASHO_ENV="production",
        JASHO_DATABASE_URL=f"postgresql://jasho:{CANARY}@{address}/jasho",
        JASHO_REDIS_URL=f"redis://:{CANARY}@{address}/0",
        JASHO_PIN_PEPPER=CANARY,
        JASHO_CALLBACK_SECRET=CANARY,
        JASHO_DATA_KEY="ab" * 32,
        JASHO_AT_USERNAME="jasho",
        JASHO_AT_API_KEY=CANARY,
        JASHO_AT_BASE_URL=f"http://{address}",
    )
    assert done.returncode == 1
    assert done.stderr == ""
    assert CANARY not in done.stdout
    assert "ab" * 32 not in done.stdout
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    for name in ("database", "schema", "worker", "redis", "sms reach", "clocks", "public address"):
        assert f"broken  {name}" in lines
    assert all(line.split()[0] in ("ok", "weak", "broken") for line in done.stdout.splitlines())


@pytest.mark.system
def test_settings_that_cannot_be_read_are_a_finding(settings: Settings) -> None:
    done = jasho(["doctor", "--json"], settings, JASHO_COUNTRY="XX", JASHO_CALLBACK_SECRET=f"{CANARY}!")
    assert done.returncode == 1
    assert json.loads(done.stdout)["checks"][0]["name"] == "settings"
    assert CANARY not in done.stdout


@pytest.mark.system
def test_a_service_code_that_texts_do_not_fit_with_is_a_finding(settings: Settings) -> None:
    done = jasho(["doctor", "--json"], settings, JASHO_SERVICE_CODE="*384*1234*567890#")
    assert done.returncode == 1
    [finding] = json.loads(done.stdout)["checks"]
    assert "JASHO_SERVICE_CODE" in finding["seen"]


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("https://jasho.example", State.OK),
        ("http://jasho.example", State.BROKEN),
        ("https://192.0.2.1", State.BROKEN),
        ("https://localhost:8443", State.BROKEN),
        ("https://[::1]", State.BROKEN),
        ("https://mpesa.example", State.WEAK),
        ("https://pay.Safaricom.example", State.WEAK),
    ],
)
async def test_an_address_that_no_provider_can_call_is_named(url: str, state: State) -> None:
    assert (await configured.public_url(production(public_url=url))).state is state


async def test_short_secrets_and_everybodys_are_named_and_not_shown() -> None:
    assert (await configured.secrets(production())).state is State.OK
    assert (await configured.secrets(production(pin_pepper=Settings().pin_pepper))).state is State.BROKEN
    for guessed in (CANARY[:20], "a" * 64):
        found = await configured.secrets(production(callback_secret=guessed))
        assert found.state is State.WEAK
        assert "JASHO_CALLBACK_SECRET" in found.seen
        assert guessed not in found.seen + found.do


@pytest.mark.parametrize(
    ("allow", "proxies", "state"),
    [
        ("192.0.2.0/24", "172.30.96.2", State.OK),
        ("192.0.2.0/24", "", State.BROKEN),
        ("192.0.2.0/24", "*", State.BROKEN),
        ("192.0.2.0/24", "172.30.96.2, 0.0.0.0/0", State.BROKEN),
        ("192.0.2.0/24", "::/0", State.BROKEN),
        ("192.0.2.0/24", "proxy", State.BROKEN),
        ("192.0.2.0/24", "172.30.96.2/28", State.BROKEN),
        ("0.0.0.0/0", "172.30.96.2", State.WEAK),
        ("", "172.30.96.2", State.WEAK),
    ],
)
async def test_networks_that_are_checked_against_the_proxys_address_are_named(
    monkeypatch: pytest.MonkeyPatch, allow: str, proxies: str, state: State
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxies)
    assert (await configured.callers(production(callback_allow=allow))).state is state


async def test_production_without_a_provider_of_sms_is_broken() -> None:
    assert (await providers.sms(production())).state is State.BROKEN


async def test_a_database_that_is_weak_is_named(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE schema_contract SET complete = '0004'")
        connection.execute("DROP TABLE heartbeat")
    found = {name: await ask(check, settings) for name, check in database.CHECKS.items()}
    assert found["database session"].state is State.OK
    assert found["database login"].state is State.WEAK
    assert "superuser" in found["database login"].seen
    # The suite's own server leaves the disk to its leisure.
    assert "fsync" in found["database durability"].seen
    assert "older than this release" in found["schema"].seen
    assert "older" in found["worker"].seen


async def test_the_same_is_broken_in_production(settings: Settings) -> None:
    for name in ("database login", "database durability", "worker"):
        found = await ask(database.CHECKS[name], replace(settings, env="production"))
        assert found.state is State.BROKEN, name


async def test_a_login_that_owns_nothing_is_well(settings: Settings) -> None:
    own = replace(settings, env="production", database_url=settings.database_url.replace("://postgres@", "://jasho_examined@", 1))
    logins.align(settings.database_url, own.database_url)
    try:
        for name in ("database login", "database session", "schema", "seal"):
            found = await ask(database.CHECKS[name], own)
            assert found.state is State.OK, found
    finally:
        with psycopg.connect(settings.database_url) as owner:
            owner.execute("DROP ROLE jasho_examined")


@pytest.mark.xdist_group("much")  # the role is the whole server's
@pytest.mark.parametrize(
    ("right", "word"),
    [
        ("GRANT CREATE ON SCHEMA public TO jasho_much", "functions"),
        ("ALTER ROLE jasho_much CREATEROLE", "roles"),
        ("ALTER ROLE jasho_much REPLICATION", "copy"),
        ("GRANT pg_execute_server_program TO jasho_much", "files"),
        ("GRANT pg_write_all_data TO jasho_much", "journal"),
        ("GRANT postgres TO jasho_much", "superuser"),
    ],
)
async def test_a_login_that_may_more_than_it_needs_is_named(settings: Settings, right: str, word: str) -> None:
    much = replace(settings, env="production", database_url=settings.database_url.replace("://postgres@", "://jasho_much@", 1))
    logins.align(settings.database_url, much.database_url)
    try:
        with psycopg.connect(settings.database_url) as owner:
            owner.execute(right.encode())
        found = await ask(database.CHECKS["database login"], much)
        assert (found.state, word in found.seen) == (State.BROKEN, True)
    finally:
        with psycopg.connect(settings.database_url) as owner:
            owner.execute("DROP OWNED BY jasho_much")
            owner.execute("DROP ROLE jasho_much")


async def test_messages_that_were_divided_by_half_or_have_no_period_tomorrow_are_told(settings: Settings) -> None:
    check = database.CHECKS["message periods"]
    assert (await ask(check, settings)).state is State.OK
    with clock.at(clock.now() + timedelta(days=100)):
        assert "tomorrow" in (await ask(check, settings)).seen
        with psycopg.connect(settings.database_url) as connection:
            connection.execute("SELECT period_make(%s, 15)", [clock.now()])
        assert (await ask(check, settings)).state is State.OK
    with psycopg.connect(settings.database_url) as connection:
        connection.execute(
            "ALTER TABLE outbox ADD CONSTRAINT ck_outbox_first_period CHECK (id < 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
        )
    finding = await ask(check, replace(settings, env="production"))
    assert (finding.state, finding.do) == (State.BROKEN, "run jasho migrate again")


@pytest.mark.usefixtures("contrived")
async def test_a_worker_and_a_seal_that_stand_still_are_named(
    settings: Settings, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await seal(runtime.database)
    await chores.beat(runtime.database, chores.Worker("a-host"))
    assert (await ask(database.CHECKS["worker"], settings)).state is State.OK
    later = clock.now() + timedelta(seconds=90)
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("ALTER TABLE seal DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM seal")
        connection.execute("ALTER TABLE seal ENABLE TRIGGER ALL")
    monkeypatch.setattr(clock, "now", lambda: later + timedelta(minutes=10))
    assert "without one waits" in (await ask(database.CHECKS["seal"], settings)).seen
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await ask(database.CHECKS["worker"], settings)).seen == "last worked 90 s ago"


async def test_clocks_that_differ_are_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await machine.clocks(settings)).state is State.OK
    later = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await machine.clocks(replace(settings, env="production"))).state is State.BROKEN


async def ask(check: Any, settings: Settings) -> Any:
    store = Database(settings.database_url, connections=1)
    try:
        async with store.autocommit() as connection:
            return await check(connection, settings)
    finally:
        await store.close()


async def test_another_pepper_than_the_databases_is_broken_on_every_machine(settings: Settings, runtime: Runtime) -> None:
    """Three tries of a right PIN would lock it."""
    await canaries.check(runtime)
    assert (await ask(database.same_secrets, settings)).state is State.OK
    finding = await ask(database.same_secrets, replace(settings, pin_pepper="another"))
    assert finding.state is State.BROKEN
    assert "JASHO_PIN_PEPPER" in finding.seen
    assert "another" not in finding.do


@contextmanager
def receiving(settings: Settings, slot: str, folder: Path) -> Iterator[None]:
    """A slot that is in use."""
    program, variables = pg_clients.find("pg_receivewal", 18), pg_clients.environment(settings.database_url)
    arguments = [str(program), f"--directory={folder}", f"--slot={slot}"]
    subprocess.run([*arguments, "--create-slot"], env=variables, check=True)
    process = subprocess.Popen([*arguments, "--no-loop"], env=variables)
    try:
        question = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'"
        clusters.wait(lambda: clusters.ask(settings.database_url, question) is True)
        yield
    finally:
        process.terminate()
        process.wait(20)
        subprocess.run([*arguments, "--drop-slot"], env=variables, check=True)


async def test_wal_that_nobody_keeps_is_weak_in_production(settings: Settings, tmp_path: Path) -> None:
    name = f"jasho_archive_{ids.new_id().hex[-12:]}"
    away = Database(settings.database_url)
    try:
        async with away.autocommit() as connection:
            before = await archive(connection, production())
            assert (before.state, before.seen) == (State.WEAK, "nothing keeps the WAL")
            assert (await archive(connection, settings)).state is State.OK
            with psycopg.connect(settings.database_url, autocommit=True) as owner:
                owner.execute("SELECT pg_create_physical_replication_slot(%s, true)", [name])
                try:
                    finding = await archive(connection, production())
                    # One that is in use does not hide that this one holds WAL back for nobody.
                    with receiving(settings, f"{name}_2", tmp_path):
                        beside = await archive(connection, production())
                finally:
                    owner.execute("SELECT pg_drop_replication_slot(%s)", [name])
        assert finding.state is State.WEAK
        assert name in finding.seen
        assert "in use by nobody since" in finding.seen
        assert f"{name} " in beside.seen
        assert "in use by nobody since" in beside.seen
        assert "jasho archive" in finding.do
    finally:
        await away.close()
