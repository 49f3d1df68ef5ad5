"""The service's own login: whoever breaks into the service gets no more of the database than the service has."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from core import migrations
from core.db import APPLICATION_ROLE, SESSION, conninfo
from core.migrations import logins
from core.runtime import Runtime
from core.settings import Settings
from gateway.cli.embedded import embedded
from tests.conftest import running_client
from tests.core.sending.invited import paid_in
from tests.gateway.cli.recovery.clusters import wait
from tests.phone import Phone
from tests.races import race

PASSWORD = "canary-of-the-service's-password"


@pytest.fixture
def service(settings: Settings) -> Iterator[Settings]:
    """The settings of a service whose login is its own, made as `jasho migrate` makes it."""
    login = f"jasho_{uuid4().hex[:8]}"
    url = settings.database_url.replace("://postgres@", f"://{login}:{PASSWORD}@", 1)
    migrations.migrate(settings.database_url)
    logins.align(settings.database_url, url)
    yield replace(settings, database_url=url, migrate_database_url=settings.database_url)
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        owner.execute(SQL("DROP ROLE {}").format(Identifier(login)))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posting SET amount = amount + 1",
        "DELETE FROM transfer",
        "INSERT INTO seal DEFAULT VALUES",
        "UPDATE account SET balance = 1000000",
        "ALTER TABLE posting DISABLE TRIGGER ALL",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TABLE mine (id int)",
        "CREATE ROLE mine SUPERUSER",
        "ALTER FUNCTION refuse_change() RENAME TO allow_change",
        "COPY pin TO PROGRAM 'cat'",
        "COPY pin TO '/tmp/pins'",
        "SELECT pg_read_file('/etc/passwd')",
        "TRUNCATE posting",
        "TRUNCATE outbox",
        "SELECT rolpassword FROM pg_authid",
        "SET session_replication_role = replica",
        "LOCK TABLE transfer IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE account IN ACCESS EXCLUSIVE MODE",
        "DROP TRIGGER append_only ON seal",
        "CREATE TRIGGER mine BEFORE INSERT ON posting EXECUTE FUNCTION refuse_change()",
        "INSERT INTO ledger_era SELECT * FROM ledger_era",
        "SELECT ledger_begin_era(now())",
        "UPDATE switch_change SET is_off = false",
        "DELETE FROM approval",
        "UPDATE schema_contract SET oldest = '0000'",
        "CREATE FUNCTION public.cardinality(uuid[]) RETURNS int LANGUAGE sql AS 'SELECT 0'",
        "GRANT jasho_app TO pg_monitor",
    ],
)
@pytest.mark.parametrize("as_login", [False, True])
def test_a_stolen_login_can_neither_change_the_journal_nor_become_the_owner(
    service: Settings, statement: str, as_login: bool
) -> None:
    with psycopg.connect(service.database_url) as connection:
        if as_login:
            connection.execute("RESET ROLE")
            connection.execute("SET ROLE NONE")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


async def test_what_a_stolen_login_makes_for_itself_is_not_taken_for_the_ledgers_own(service: Settings, runtime: Runtime) -> None:
    await paid_in(runtime, "+254711000001", 100)
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE seal (LIKE public.seal)")
        connection.execute("CREATE TEMP TABLE transfer (LIKE public.transfer)")
        connection.execute("CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT 'mine'::bytea $$")
        connection.execute("SET search_path = pg_temp, public")
        # A transaction under way in any other database of the server puts it off.
        wait(lambda: connection.execute("SELECT public.ledger_seal(now(), 1000) > 0").fetchone() == (True,))
        assert connection.execute("SELECT count(*) FROM pg_temp.seal").fetchone() == (0,)


def test_a_right_of_everybody_to_make_functions_is_taken_away(service: Settings) -> None:
    """A database that came from an old server has it: the ledger's functions would call a thief's, in the owner's name."""
    with psycopg.connect(service.migrate_database_url, autocommit=True) as owner:
        owner.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    migrations.migrate(service.migrate_database_url)
    with psycopg.connect(service.database_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE FUNCTION public.greatest_of(int) RETURNS int LANGUAGE sql AS 'SELECT 0'")


async def test_the_service_works_with_a_login_that_owns_nothing(service: Settings) -> None:
    async with running_client(service) as client:
        assert (await client.get("/readyz")).status_code == 200
        screen = await Phone(client, "+254711000001").dial()
    assert "Sorry" not in screen.text


def test_a_pooler_that_drops_what_a_connection_asks_for_takes_no_time_out_away(service: Settings) -> None:
    with psycopg.connect(service.database_url) as connection:
        shown = {name: connection.execute(SQL("SHOW {}").format(Identifier(name))).fetchone() for name in SESSION}
    assert shown == {name: (value,) for name, value in SESSION.items()}
    assert SESSION["role"] == APPLICATION_ROLE


@pytest.mark.race("core/migrations/logins.py:align")
async def test_two_runs_that_make_one_login_both_succeed(settings: Settings, runtime: Runtime) -> None:
    login = f"jasho_{uuid4().hex[:8]}"
    url = settings.database_url.replace("://postgres@", f"://{login}@", 1)
    runs = (asyncio.to_thread(logins.align, settings.database_url, url) for _ in range(2))
    assert await race(runtime, f"SELECT pg_advisory_lock({logins._TURN})", *runs) == [None, None]
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        row = owner.execute("SELECT cardinality(rolconfig) FROM pg_roles WHERE rolname = %s", [login]).fetchone()
        owner.execute(SQL("DROP ROLE {}").format(Identifier(login)))
    assert row == (len(SESSION),)


def test_a_second_run_touches_nothing(service: Settings) -> None:
    kept = role(service)
    logins.align(service.migrate_database_url, service.database_url)
    assert role(service) == kept


def test_a_new_password_is_set_and_the_old_one_is_dead_and_neither_is_in_a_log(own_folder: Path) -> None:
    with embedded(own_folder) as servers:
        migrations.migrate(servers.database_url)
        with psycopg.connect(servers.database_url, autocommit=True) as owner:
            owner.execute("ALTER SYSTEM SET log_statement = 'all'")
            rules = own_folder / "postgres" / "pg_hba.conf"
            rules.write_text(f"local all jasho_service scram-sha-256\n{rules.read_text()}")
            owner.execute("SELECT pg_reload_conf()")
        old, new = (
            servers.database_url.replace("://postgres@", f"://jasho_service:{password}@", 1)
            for password in (PASSWORD, f"{PASSWORD}2")
        )
        logins.align(servers.database_url, old)
        psycopg.connect(conninfo(old)).close()
        logins.align(servers.database_url, new)
        psycopg.connect(conninfo(new)).close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(conninfo(old))
        log = (own_folder / "postgres" / "server.log").read_text()
    assert "ALTER ROLE" in log
    assert PASSWORD not in log


def test_a_password_is_set_also_where_the_server_asks_this_machine_for_none(service: Settings) -> None:
    """Another machine is asked for it."""
    connection = psycopg.connect(conninfo(service.database_url))
    assert not connection.pgconn.used_password
    connection.close()
    assert logins._proves(role(service)[0], PASSWORD)
    logins.align(service.migrate_database_url, service.database_url.replace(PASSWORD, f"{PASSWORD}2"))
    assert logins._proves(role(service)[0], f"{PASSWORD}2")
    assert not logins._proves(role(service)[0], PASSWORD)


def test_a_login_that_is_the_owner_stays_as_it_is(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as owner:
        before = owner.execute("SELECT * FROM pg_authid WHERE rolname = current_user").fetchone()
    logins.align(settings.database_url, settings.database_url)
    with psycopg.connect(settings.database_url) as owner:
        assert owner.execute("SELECT * FROM pg_authid WHERE rolname = current_user").fetchone() == before


def test_an_address_without_a_user_is_refused(settings: Settings) -> None:
    with pytest.raises(logins.NoLogin):
        logins.align(settings.database_url, settings.database_url.replace("postgres@", "", 1))


def role(service: Settings) -> tuple[str, str]:
    """What the server keeps of the login, and which version of the row that is."""
    with psycopg.connect(service.migrate_database_url) as owner:
        row = owner.execute(
            "SELECT coalesce(rolpassword, ''), xmin::text FROM pg_authid WHERE rolname = %s",
            [service.database_url.split("://")[1].split(":")[0]],
        ).fetchone()
    assert row is not None
    return row


def test_a_login_that_was_locked_is_not_opened_unasked(service: Settings) -> None:
    """Somebody may have locked it on purpose; and a migration that says nothing leaves a service that can't start."""
    login = str(make_url(service.database_url).username)
    with psycopg.connect(service.migrate_database_url, autocommit=True) as owner:
        owner.execute(SQL("ALTER ROLE {} NOLOGIN").format(Identifier(login)))
    with pytest.raises(logins.NoLogin, match="may not log in"):
        logins.align(service.migrate_database_url, service.database_url)
