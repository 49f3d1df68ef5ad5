"""What is kept goes when its time is over and not before, and money and its proofs stay."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Table, func, insert, select, text

from core import clock, ids
from core.db import APPLICATION_ROLE
from core.retention import deletion
from core.retention.keeping import KEPT_FOR_A_TIME, KEPT_FOR_EVER
from core.runtime import Runtime
from core.settings import Settings
from core.tables import metadata
from core.tables.credentials import attempt, one_time_code
from core.tables.customers import customer
from core.tables.messaging import inbound, outbox, sms_attempt, sms_report
from core.tables.orders import order
from gateway import wiring

START = datetime(2027, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
# A message goes by itself where its period, of fifteen days, should be gone and is not.
MOST = 105 * DAY
PHONE = "+254711000099"
ENDED = ("sent", "delivered", "undelivered", "failed", "expired", "suppressed")
DUE = ("queued", "sending", "unsure")
PRESENT = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
)
JOURNAL = ("account", "transfer", "posting", "hold_leg", "reversal", "exchange", "seal")


async def add(runtime: Runtime, table: Table, **values: object) -> None:
    async with runtime.database.transaction() as connection:
        await connection.execute(insert(table).values(values))


async def add_many(runtime: Runtime, rows: list[dict[str, object]]) -> None:
    async with runtime.database.transaction() as connection:
        await connection.execute(insert(outbox), rows)


async def message(runtime: Runtime, status: str = "delivered", **values: object) -> UUID:
    """A message as it is left, with one attempt."""
    row = {
        "id": ids.new_id(),
        "phone": PHONE,
        "language": "en",
        "body": "x",
        "created_at": clock.now(),
        "claimed_at": clock.now(),
    }
    await add(runtime, outbox, **{**row, "status": status, **values})
    begun = {"phone": PHONE, "provider": "local", "parts": 1, "begun_at": clock.now(), "outcome": "unsure"}
    await add(runtime, sms_attempt, id=ids.new_id(), outbox_id=row["id"], number=1, **begun)
    return UUID(str(row["id"]))


async def messages(runtime: Runtime) -> list[UUID]:
    async with runtime.database.autocommit() as connection:
        return list(await connection.scalars(select(outbox.c.id).where(outbox.c.phone == PHONE).order_by(outbox.c.id)))


async def count(runtime: Runtime, table: Table) -> int:
    async with runtime.database.autocommit() as connection:
        return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def delete_at(runtime: Runtime, moment: datetime) -> int:
    """Until nothing is left that has to go."""
    total = 0
    with clock.at(moment):
        while number := await deletion.delete_ended(runtime):
            total += number
    return total


async def code_with_order(runtime: Runtime) -> UUID:
    code_id = ids.new_id()
    async with runtime.database.autocommit() as connection:
        owner = await connection.scalar(select(customer.c.id).limit(1))
    ends = clock.now() + timedelta(minutes=5)
    await add(runtime, one_time_code, id=code_id, customer_id=owner, purpose="sms", created_at=clock.now(), expires_at=ends)
    sent = {"customer_id": owner, "kind": "send", "currency": "KES", "amount": 100}
    await add(runtime, order, id=code_id, created_at=clock.now(), **sent)
    return code_id


@pytest.mark.parametrize("status", ENDED)
@pytest.mark.usefixtures("contrived")
async def test_a_message_that_has_ended_goes_with_its_attempts_when_its_time_is_over(runtime: Runtime, status: str) -> None:
    with clock.at(START):
        await message(runtime, status)
    await delete_at(runtime, START + MOST)
    assert len(await messages(runtime)) == 1
    await delete_at(runtime, START + MOST + timedelta(seconds=1))
    assert (await messages(runtime), await count(runtime, sms_attempt)) == ([], 0)


@pytest.mark.parametrize("status", DUE)
@pytest.mark.usefixtures("contrived")
async def test_a_message_that_is_still_due_stays_with_its_attempts_however_old_it_is(runtime: Runtime, status: str) -> None:
    with clock.at(START):
        await message(runtime, status)
    await delete_at(runtime, START + 900 * DAY)
    assert (len(await messages(runtime)), await count(runtime, sms_attempt)) == (1, 1)


@pytest.mark.usefixtures("contrived")
async def test_a_message_that_was_sent_late_stays_until_its_delivery_report_cannot_come_any_more(runtime: Runtime) -> None:
    with clock.at(START):
        await message(runtime, "sent", claimed_at=START + 89 * DAY)
        await message(runtime, "delivered", delivered_at=START + 89 * DAY)
    await delete_at(runtime, START + 88 * DAY + MOST)
    assert len(await messages(runtime)) == 2
    await delete_at(runtime, START + 90 * DAY + MOST)
    assert await messages(runtime) == []


@pytest.mark.usefixtures("contrived")
async def test_an_operator_keeps_messages_for_as_long_as_he_says(settings: Settings) -> None:
    short = wiring.runtime(Settings(database_url=settings.database_url, redis_url=settings.redis_url, keep_messages_days="7"))
    try:
        with clock.at(START):
            await message(short)
        await delete_at(short, START + 7 * DAY)
        assert len(await messages(short)) == 1
        await delete_at(short, START + 9 * DAY)
        assert await messages(short) == []
    finally:
        await short.close()


async def test_an_sms_that_its_provider_delivers_again_is_known_for_as_long_as_it_is_kept(runtime: Runtime) -> None:
    await add(runtime, inbound, provider="x", provider_id="1", phone=PHONE, received_at=START, claimed_at=START)
    await add(runtime, sms_report, provider="x", provider_id="1", reported="sent", received_at=START)
    await delete_at(runtime, START + 89 * DAY)
    assert (await count(runtime, inbound), await count(runtime, sms_report)) == (1, 1)
    await delete_at(runtime, START + 91 * DAY)
    assert (await count(runtime, inbound), await count(runtime, sms_report)) == (0, 0)


async def test_codes_their_orders_and_counted_tries_go_after_a_month_and_an_open_code_stays(runtime: Runtime) -> None:
    with clock.at(START):
        await code_with_order(runtime)
        await add(runtime, attempt, subject=ids.new_id(), kind="x", day=START.date(), count=1)
    with clock.at(START + 40 * DAY):
        open_code = await code_with_order(runtime)
    await delete_at(runtime, START + 29 * DAY)
    assert [await count(runtime, table) for table in (order, one_time_code, attempt)] == [2, 2, 1]
    await delete_at(runtime, START + 40 * DAY)
    assert [await count(runtime, table) for table in (order, one_time_code, attempt)] == [1, 1, 0]
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(select(order.c.id)) == open_code


@pytest.mark.usefixtures("contrived")
async def test_many_go_in_batches_and_two_workers_at_once_delete_what_one_would(runtime: Runtime, settings: Settings) -> None:
    await delete_at(runtime, START + 110 * DAY)
    with clock.at(START):
        row = {"phone": PHONE, "language": "en", "body": "x", "status": "expired", "created_at": START}
        await add_many(runtime, [{"id": ids.new_id(), **row} for _ in range(1200)])
    other = wiring.runtime(settings)
    try:
        assert sum(await asyncio.gather(*(delete_at(one, START + 110 * DAY) for one in (runtime, other)))) == 1200
    finally:
        await other.close()
    assert await messages(runtime) == []


@pytest.mark.race("core/retention/deletion.py:_delete")
@pytest.mark.usefixtures("contrived")
async def test_a_message_that_somebody_works_on_is_left_and_nobody_waits(runtime: Runtime) -> None:
    with clock.at(START):
        kept, _ = await message(runtime), await message(runtime)
    async with runtime.database.transaction() as connection:
        await connection.execute(select(outbox).where(outbox.c.id == kept).with_for_update())
        await delete_at(runtime, START + 110 * DAY)
        assert await messages(runtime) == [kept]


@pytest.mark.usefixtures("contrived")
async def test_a_table_that_cannot_be_cleared_does_not_keep_the_others_from_it(runtime: Runtime, settings: Settings) -> None:
    with clock.at(START):
        await message(runtime)
        await add(runtime, attempt, subject=ids.new_id(), kind="x", day=START.date(), count=1)
    with psycopg.connect(settings.database_url, autocommit=True) as owner:
        owner.execute(f"REVOKE DELETE ON outbox FROM {APPLICATION_ROLE}".encode())
    with clock.at(START + 100 * DAY), pytest.raises(Exception, match="permission denied"):
        await deletion.delete_ended(runtime)
    assert await count(runtime, attempt) == 0


def test_of_every_table_it_is_written_how_long_its_rows_are_kept(settings: Settings) -> None:
    for_a_time = [keeping.table.name for keeping in KEPT_FOR_A_TIME]
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute(PRESENT).fetchall()
    present = {str(row[0]) for row in rows} - {"alembic_version"}
    assert present == {table.name for table in metadata.sorted_tables}
    assert sorted([*for_a_time, *KEPT_FOR_EVER]) == sorted(present)


def test_no_retention_touches_money_its_keys_or_its_proofs(settings: Settings) -> None:
    """Neither by what is written nor by what the application may do."""
    untouched = {*JOURNAL, "payment", "approval", "chore", "float_trade", "invitation", "claim", "policy", "opt_out"}
    assert untouched <= KEPT_FOR_EVER.keys()
    may = " OR ".join(f"has_table_privilege('{APPLICATION_ROLE}', oid, '{right}')" for right in ("DELETE", "TRUNCATE"))
    may_delete = f"{PRESENT} AND ({may})"
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute(may_delete.encode()).fetchall()
    assert {str(row[0]) for row in rows} == {keeping.table.name for keeping in KEPT_FOR_A_TIME} | {"heartbeat"}


async def test_a_year_of_retention_leaves_the_books_as_they_are(runtime: Runtime) -> None:
    async def books() -> list[int]:
        async with runtime.database.autocommit() as connection:
            return [int(await connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0) for name in sorted(KEPT_FOR_EVER)]

    before = await books()
    await delete_at(runtime, clock.now() + 4000 * DAY)
    assert await books() == before
    assert before[sorted(KEPT_FOR_EVER).index("posting")] > 0


@pytest.mark.parametrize("days", ["", "6", "0", "-7", "3651", "7.5", "ninety", "٩٠", "1e9"])
def test_a_keeping_time_that_would_lose_what_is_due_or_is_no_number_is_refused(days: str) -> None:
    with pytest.raises(ValueError, match="not a keeping time"):
        _ = Settings(keep_messages_days=days).messages_are_kept_for
