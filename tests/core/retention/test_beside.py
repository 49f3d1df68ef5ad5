"""Periods are made and dropped beside those who send and vacuum, and by workers whose clocks are wrong."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import LockNotAvailable, RaiseException
from psycopg.sql import SQL, Identifier
from sqlalchemy import Row, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.messaging import outbox, reports
from core.messaging.deliveries import AnsweredAttempt, Attempt, ProviderAnswer, SendOutcome
from core.messaging.notices import Message
from core.messaging.reports import DELIVERED, DeliveryReport
from core.retention import deletion, periods
from core.runtime import Runtime
from core.settings import Settings
from core.tables.credentials import attempt
from core.tables.messaging import outbox as outbox_table
from core.tables.messaging import sms_attempt, sms_report
from gateway.sms.pool import ProviderPool
from tests.core.retention.test_deletion import DAY, PHONE, add, count, message, messages
from tests.core.retention.test_periods import KEPT, LENGTH, START, bounds, drop_first, owner, place_of, turn_over_at

WRITE = "INSERT INTO outbox (id, phone, language, body, created_at) VALUES (%s, %s, 'en', 'x', %s)"
DROP = "SELECT period_drop(%s)"
WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock')"
PERIOD_IS_OVER = START + KEPT + LENGTH

pytestmark = pytest.mark.usefixtures("contrived")


class AYearAhead(datetime):
    """What a machine shows whose clock is wrong, or is right beside a database whose clock is a year behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(days=365)


@pytest.mark.race("core/retention/periods.sql:period_lock")
async def test_a_message_that_comes_while_its_period_is_about_to_be_dropped_is_not_lost(
    runtime: Runtime, settings: Settings
) -> None:
    """Its sender's clock is behind, and nobody sees it yet when the period is looked through."""
    drop_first(settings)
    await turn_over_at(runtime, START)
    with (
        psycopg.connect(settings.database_url) as sender,
        psycopg.connect(settings.database_url, autocommit=True) as worker,
        owner(settings) as observer,
        ThreadPoolExecutor(1) as pool,
    ):
        sender.execute(WRITE, [ids.first_at(START), PHONE, START])
        dropping = pool.submit(worker.execute, DROP, [PERIOD_IS_OVER])
        while not dropping.done() and observer.execute(WAITS, [worker.info.backend_pid]).fetchone() != (True,):
            pass
        sender.commit()
        with suppress(LockNotAvailable):
            dropping.result()
    assert await messages(runtime) == [ids.first_at(START)]


async def test_a_look_that_cannot_see_what_came_meanwhile_drops_nothing(runtime: Runtime, settings: Settings) -> None:
    """A database whose transactions keep to their first look unless they say otherwise, as the duty does."""
    drop_first(settings)
    await turn_over_at(runtime, START)
    with owner(settings) as connection:
        connection.execute("SET default_transaction_isolation = 'repeatable read'")
        with pytest.raises(RaiseException, match="READ COMMITTED"):
            connection.execute(DROP, [PERIOD_IS_OVER])
        connection.execute(
            SQL("ALTER DATABASE {} SET default_transaction_isolation = serializable").format(Identifier(connection.info.dbname))
        )
    await runtime.database.close()
    async with runtime.database.autocommit() as service:
        assert await service.scalar(text("SHOW default_transaction_isolation")) == "serializable"
    await turn_over_at(runtime, PERIOD_IS_OVER)
    assert "p20280101" not in {name for name, _, _ in await bounds(runtime)}


async def test_a_vacuum_of_another_period_keeps_no_old_one_from_going(runtime: Runtime, settings: Settings) -> None:
    for moment in (START, START + LENGTH):
        await turn_over_at(runtime, moment)
    with psycopg.connect(settings.database_url) as vacuum:
        vacuum.execute("LOCK TABLE ONLY outbox_p20280116, ONLY sms_attempt_p20280116 IN SHARE UPDATE EXCLUSIVE MODE")
        await turn_over_at(runtime, PERIOD_IS_OVER)
        assert "p20280101" not in {name for name, _, _ in await bounds(runtime)}


async def test_a_worker_whose_clock_is_a_year_ahead_deletes_and_drops_nothing_before_its_time(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await message(runtime)
    await add(runtime, attempt, subject=ids.new_id(), kind="x", day=clock.now().date(), count=1)
    tables = (outbox_table, sms_attempt, attempt)
    before = [await count(runtime, table) for table in tables]
    monkeypatch.setattr(clock, "datetime", AYearAhead)
    assert clock.now() > datetime.now(clock.now().tzinfo) + 300 * DAY
    while await periods.turn_over(runtime) + await deletion.delete_ended(runtime):
        pass
    assert [await count(runtime, table) for table in tables] == before
    assert await place_of(runtime, await message(runtime)) != "outbox_default"


async def test_a_report_whose_message_goes_in_the_same_moment_is_taken(
    runtime: Runtime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error would have its provider call again, for a message that nobody has any more."""
    await message(runtime, "sent")
    lock = outbox.lock_attempts

    async def lose(connection: AsyncConnection, wanted: Mapping[UUID, UUID]) -> Sequence[Row[Any]]:
        with owner(settings) as other:
            other.execute("DELETE FROM sms_attempt")
            other.execute("DELETE FROM outbox")
        return await lock(connection, wanted)

    async with runtime.database.transaction() as connection:
        await connection.execute(update(sms_attempt).values(provider_id="1"))
    monkeypatch.setattr(outbox, "lock_attempts", lose)
    assert not await reports.record(runtime, DeliveryReport("local", "1", DELIVERED), ["local"])
    assert await count(runtime, sms_report) == 1


async def test_an_answer_that_comes_when_its_message_is_gone_keeps_no_other_from_being_recorded(runtime: Runtime) -> None:
    """Of a worker that was frozen for months, say."""
    gone, there = (Attempt(ids.new_id(), Message(ids.new_id(), PHONE, "x", clock.now()), 1, "local") for _ in range(2))
    sent = ProviderAnswer(SendOutcome.SENT, provider_id="1")
    row = {"id": there.message.id, "phone": PHONE, "language": "en", "body": "x", "attempts": 1, "created_at": clock.now()}
    await add(runtime, outbox_table, status="sending", **row)
    begun = {"phone": PHONE, "provider": "local", "parts": 1, "begun_at": clock.now()}
    await add(runtime, sms_attempt, id=there.id, outbox_id=there.message.id, number=1, **begun)
    pool = ProviderPool([])
    assert await outbox.lease_again(runtime, AnsweredAttempt(gone, sent), ["local"], pool) is None
    await outbox.record_answers(runtime, [AnsweredAttempt(gone, sent), AnsweredAttempt(there, sent)], pool)
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(select(outbox_table.c.status).where(outbox_table.c.id == there.message.id)) == "sent"


async def test_periods_are_made_beside_a_table_that_an_operator_has_attached_himself(
    runtime: Runtime, settings: Settings
) -> None:
    drop_first(settings)
    noon = [ids.first_at(START + day * DAY) for day in (-1, 1)]
    with owner(settings) as connection:
        connection.execute("CREATE TABLE outbox_of_his (LIKE outbox)")
        connection.execute(SQL("ALTER TABLE outbox ATTACH PARTITION outbox_of_his FOR VALUES FROM ({}) TO ({})").format(*noon))
    await turn_over_at(runtime, START)
    assert (await bounds(runtime))[1][0] == "p20280103"


async def test_a_rule_of_a_later_version_is_on_the_next_periods_too(runtime: Runtime, settings: Settings) -> None:
    with owner(settings) as connection:
        connection.execute("ALTER TABLE outbox ADD CONSTRAINT ck_outbox_phone CHECK (phone <> '') NOT VALID")
        connection.execute("ALTER TABLE outbox ADD COLUMN size int GENERATED ALWAYS AS (length(body)) STORED")
    await turn_over_at(runtime, START)
    assert [name for name, _, _ in await bounds(runtime)] == ["p20280101"]
