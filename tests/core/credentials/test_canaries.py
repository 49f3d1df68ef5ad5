"""A database is served with the pepper and the data key that it was made with, and with no other."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from core.credentials import canaries
from core.credentials.canaries import DATA_KEY, PIN_PEPPER, OtherSecrets
from core.runtime import Runtime
from core.settings import Settings
from tests import databases

KEY = bytes(range(32))


async def refused(settings: Settings) -> tuple[str, ...]:
    """The settings that differ; none where they are taken."""
    runtime = Runtime.of(settings)
    try:
        await canaries.check(runtime)
    except OtherSecrets as error:
        return error.names
    finally:
        await runtime.close()
    return ()


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        (Settings(pin_pepper="another"), (PIN_PEPPER,)),
        (Settings(data_key=KEY.hex()), (DATA_KEY,)),
        (Settings(pin_pepper="another", data_key=KEY.hex()), (PIN_PEPPER, DATA_KEY)),
        (Settings(callback_secret="another"), ()),
        (Settings(data_key=Settings().data_key_bytes.hex()), ()),
    ],
)
async def test_whoever_comes_with_another_secret_is_refused_and_told_which(
    settings: Settings, changed: Settings, names: tuple[str, ...]
) -> None:
    assert await refused(settings) == ()
    assert await refused(replace(changed, database_url=settings.database_url)) == names
    assert await refused(settings) == ()


async def test_a_wrong_key_does_not_become_the_right_one_of_a_database_from_before_the_canaries(settings: Settings) -> None:
    assert await refused(replace(settings, pin_pepper="another", data_key=KEY.hex())) == (DATA_KEY,)
    assert await refused(settings) == ()


async def test_one_damaged_id_number_does_not_keep_a_service_from_starting(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("UPDATE customer SET national_id = '\\x0100' WHERE phone = '+254711000001'")
    assert await refused(settings) == ()


async def test_of_two_that_start_at_once_with_other_secrets_one_wins_all(settings: Settings) -> None:
    databases.forget_ids(settings.database_url)
    starts = [replace(settings, pin_pepper=f"pepper {number}", data_key=bytes([number] * 32).hex()) for number in range(6)]
    outcomes = await asyncio.gather(*(refused(start) for start in starts))
    assert sorted(outcomes) == [(), *[(PIN_PEPPER, DATA_KEY)] * 5]


async def test_the_canaries_hold_neither_secret_and_are_changed_by_no_service(settings: Settings, runtime: Runtime) -> None:
    assert await refused(settings) == ()
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute("SELECT name, value FROM canary ORDER BY name").fetchall()
    assert [(name, len(value)) for name, value in rows] == [(DATA_KEY, 32), (PIN_PEPPER, 32)]
    for _, value in rows:
        assert settings.pin_pepper.encode() not in value
        assert settings.data_key_bytes != value
    for change in ("UPDATE canary SET value = ''", "DELETE FROM canary"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with runtime.database.transaction() as connection:
                await connection.exec_driver_sql(change)


async def test_a_check_value_that_is_missing_does_not_hide_that_the_other_differs(settings: Settings, runtime: Runtime) -> None:
    await canaries.check(runtime)
    with psycopg.connect(settings.database_url) as owner:
        owner.execute("DELETE FROM canary WHERE name = 'data_key'")
    async with runtime.database.autocommit() as connection:
        assert await canaries.find_differing(connection, settings) == []
        other = replace(settings, pin_pepper="another pepper of a test, long enough")
        assert await canaries.find_differing(connection, other) == ["pin_pepper"]
