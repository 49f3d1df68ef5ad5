"""A service in production that nobody has given a provider of SMS."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from core.customers import pin_reset, profiles
from core.operations.refusals import PinResetOff
from core.settings import Settings
from gateway import wiring, worker


async def test_without_a_provider_in_production_messages_wait_instead_of_vanishing(settings: Settings) -> None:
    runtime = wiring.runtime(replace(settings, env="production"))
    try:
        assert await worker.drain(runtime) == 0
        async with runtime.database.autocommit() as connection:
            statuses = set(await connection.scalars(text("SELECT status FROM outbox")))
    finally:
        await runtime.close()
    assert statuses == {"queued"}


async def test_without_a_provider_in_production_nobody_is_sent_to_wait_for_a_code(settings: Settings) -> None:
    production = replace(settings, env="production")
    runtime = wiring.runtime(production)
    try:
        asha = await profiles.find(runtime, "+254711000001")
        assert asha is not None
        with pytest.raises(PinResetOff):
            await pin_reset.prove_identity(runtime, asha, "12345678")
    finally:
        await runtime.close()
    configured = wiring.runtime(replace(production, vendors={"JASHO_AT_USERNAME": "u", "JASHO_AT_API_KEY": "k"}))
    assert not configured.switches.is_off(PinResetOff.switch)
    await configured.close()
