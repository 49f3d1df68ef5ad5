"""A service in production that nobody has given a provider of SMS."""

from dataclasses import replace

from sqlalchemy import text

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
