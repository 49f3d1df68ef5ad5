"""Every duty of the worker: one row whose work fails stops nobody's, and is passed over in the end."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from core import clock, features, ids
from core.customers import profiles
from core.customers.profiles import Customer
from core.messaging import outbox, reports
from core.payments import handover
from core.runtime import Runtime
from core.sending.invitations import InvitationReceipt
from core.tables.approvals import approval
from core.tables.credentials import attempt, one_time_code
from core.tables.insurance import policy
from core.tables.jobs import job
from core.tables.ledger import account
from core.tables.messaging import outbox as outbox_table
from core.tables.messaging import sms_attempt, sms_report
from core.tables.payments import payment
from core.tables.savings import goal
from core.tables.sending import invitation
from tests.clocks import move_clock
from tests.core.ledger.shop import Shop
from tests.core.ledger.shop import payment as pay
from tests.core.payments.mpesa import PlayedRail
from tests.core.sending.invited import invite

# After the demo people have joined, in the daytime; those rows have been due for longer than any of theirs.
NOW = datetime(2036, 3, 3, 9, tzinfo=UTC)
TODAY, DAY, MINUTE = NOW.date(), timedelta(days=1), timedelta(minutes=1)
ASHA, PHONE = "+254711000001", "+254711000099"
# What has no rows of its own, or moves all of them together.
ROWLESS = {"ledger: seal", "retention: periods"}
Pair = tuple[UUID, UUID]


@dataclass(frozen=True)
class Stage:
    """Rows in twos: the first will fail, the second is behind it."""

    runtime: Runtime
    asha: Customer

    async def add(self, table: Table, *rows: dict[str, Any]) -> None:
        async with self.runtime.database.transaction() as connection:
            await connection.execute(insert(table), list(rows))

    async def pair(self, table: Table, **values: object) -> Pair:
        first, second = ids.new_id(), ids.new_id()
        await self.add(table, {"id": first, **values}, {"id": second, **values})
        return first, second

    async def holds(self) -> Pair:
        shop = Shop(self.runtime)
        payer, payee = await shop.person(10_000), await shop.person()
        held = [await shop.held(pay(payer, payee, 100, key=key), NOW - (2 - n) * MINUTE) for n, key in enumerate(("a", "b"))]
        return held[0].id, held[1].id

    async def payments(self, **values: object) -> Pair:
        pairs: list[dict[str, Any]] = []
        for key in ("first", "second"):
            row = {"customer_id": self.asha.id, "rail": "played", "phone": ASHA, "currency": "KES", "amount": 100}
            times = {"created_at": NOW, "answer_by": NOW + MINUTE}
            pairs.append({"id": ids.new_id(), "key": key, "direction": "in", **row, **times, **values})
        await self.add(payment, *pairs)
        return pairs[0]["id"], pairs[1]["id"]

    async def invitations(self) -> Pair:
        with clock.at(NOW - 8 * DAY):
            receipts = [await invite(self.runtime, phone=phone) for phone in ("+254722000111", "+254722000112")]
        assert all(isinstance(receipt, InvitationReceipt) for receipt in receipts)
        async with self.runtime.database.autocommit() as connection:
            first, second = (await connection.scalars(invitation.select().order_by(invitation.c.created_at))).all()
        return first, second

    async def approvals(self, expires_at: datetime = NOW - MINUTE) -> Pair:
        asked = {"customer_id": self.asha.id, "kind": "send", "recipient_phone": PHONE, "currency": "KES", "amount": 100}
        rows: list[dict[str, Any]] = [
            {"id": ids.new_id(), "key": key, "created_at": NOW, "expires_at": expires_at, **asked} for key in ("a", "b")
        ]
        await self.add(approval, *rows)
        return rows[0]["id"], rows[1]["id"]

    async def covers(self, ends: timedelta) -> Pair:
        days = {"starts": TODAY - 30 * DAY, "waits_until": TODAY - 30 * DAY, "ends": TODAY + ends}
        rows: list[dict[str, Any]] = [
            {"id": ids.new_id(), "product": product, "transfer_id": ids.new_id(), "renews": False, **days}
            for product in ("hospital", "funeral")
        ]
        bought = {"customer_id": self.asha.id, "currency": "KES", "price": 100, "cover": 1_000, "created_at": NOW}
        await self.add(policy, *({**row, **bought} for row in rows))
        return rows[0]["id"], rows[1]["id"]

    async def jobs(self, expires_at: datetime = NOW - MINUTE) -> Pair:
        posted = {"employer_id": self.asha.id, "category": "farm", "place": "Kitale", "title": "Weeding", "currency": "KES"}
        times = {"created_at": NOW - 40 * DAY, "changed_at": NOW - 40 * DAY, "expires_at": expires_at}
        rows: list[dict[str, Any]] = [
            {"id": ids.new_id(), "number": number, "key": f"{number}", "pay": 50_000, **posted, **times} for number in (91, 92)
        ]
        await self.add(job, *rows)
        return rows[0]["id"], rows[1]["id"]

    async def goals(self, **values: object) -> Pair:
        saved = {"customer_id": self.asha.id, "currency": "KES", "target": 100_000, "created_at": NOW - 90 * DAY}
        rows: list[dict[str, Any]] = [{"id": ids.new_id(), "name": name, **saved, **values} for name in ("Cow", "Goat")]
        opened = {"owner": self.asha.id, "kind": "goal", "currency": "KES", "floor": 0, "created_at": NOW}
        await self.add(account, *({"id": row["id"], **opened} for row in rows))
        await self.add(goal, *rows)
        return rows[0]["id"], rows[1]["id"]

    async def tries(self) -> Pair:
        first, second = ids.new_id(), ids.new_id()
        day = (NOW - 90 * DAY).date()
        await self.add(attempt, *({"subject": subject, "kind": "x", "day": day, "count": 1} for subject in (first, second)))
        return first, second

    async def messages(self, **values: object) -> Pair:
        written = {"language": "en", "body": "x", "created_at": NOW, **values}
        rows: list[dict[str, Any]] = [{"id": ids.new_id(), "phone": f"{PHONE[:-1]}{number}", **written} for number in range(2)]
        await self.add(outbox_table, *rows)
        return rows[0]["id"], rows[1]["id"]

    async def leased(self) -> Pair:
        return await self.messages(status="sending", claimed_at=NOW - 5 * MINUTE, attempts=1)

    async def unreadable(self) -> Pair:
        """A message with a code of a kind that only a later release knows, and another."""
        code = {"customer_id": self.asha.id, "purpose": "later", "created_at": NOW, "expires_at": NOW}
        code_id, _ = await self.pair(one_time_code, **code)
        first, second = await self.messages()
        async with self.runtime.database.transaction() as connection:
            await connection.execute(outbox_table.update().where(outbox_table.c.id == first).values(code_id=code_id))
        return first, second

    async def reported(self) -> Pair:
        pair = await self.messages(status="sent", attempts=1)
        attempts: list[dict[str, Any]] = [
            {"id": ids.new_id(), "outbox_id": message, "number": 1, "provider_id": str(message)} for message in pair
        ]
        carried = {"phone": PHONE, "provider": "played", "parts": 1, "begun_at": NOW, "outcome": "sent"}
        await self.add(sms_attempt, *({**row, **carried} for row in attempts))
        told = {"provider": "played", "reported": "delivered", "received_at": NOW}
        await self.add(sms_report, *({"provider_id": str(message), **told} for message in pair))
        return pair


class PlayedPool:
    """Has a provider for everything."""

    names = frozenset({"played"})

    async def assign(self, _: AsyncConnection, avoided: Sequence[str | None]) -> list[str | None]:
        return ["played" for _ in avoided]


@dataclass(frozen=True)
class Case:
    """`fails` is when a row cannot be written: a trigger's moment, table and condition. `done` finds the row that is done."""

    rows: Callable[[Stage], Awaitable[Pair]]
    fails: tuple[str, str, str]
    done: str
    failures: int = 2


async def lease(runtime: Runtime) -> int:
    pool: Any = PlayedPool()
    return len((await outbox.lease(runtime, 10, pool)).attempts)


ROUNDS: dict[str, Callable[[Runtime], Awaitable[int]]] = {
    **{duty.name: duty.round for duty in features.DUTIES},
    "sms: send": lease,
    "sms: release": outbox.release_dead,
    "sms: catch up": lambda runtime: reports.catch_up(runtime, ["played"]),
}
LATE_COVERS, SOON_COVERS = -DAY, 2 * DAY
CASES = {
    "holds: expire": Case(
        Stage.holds, ("INSERT", "transfer", "NEW.settles"), "NOT EXISTS (SELECT FROM open_hold WHERE hold_id = :id)"
    ),
    "payments: ask": Case(
        Stage.payments,
        ("UPDATE", "payment", "NEW.asked_at IS NOT NULL AND NEW.id"),
        "EXISTS (SELECT FROM payment WHERE id = :id AND asked_at IS NOT NULL)",
        failures=1,  # it is leased by then
    ),
    "payments: give up": Case(
        lambda stage: stage.payments(status="asked", asked_at=NOW, answer_by=NOW - MINUTE),
        ("UPDATE", "payment", "NEW.id"),
        "EXISTS (SELECT FROM payment WHERE id = :id AND status = 'unanswered')",
    ),
    "payments: alarm": Case(
        lambda stage: stage.payments(direction="out", status="asked", asked_at=NOW, answer_by=NOW - 2 * DAY),
        ("INSERT", "chore", "NEW.subject"),
        "EXISTS (SELECT FROM chore WHERE subject = :id)",
    ),
    "invitations: settle": Case(
        Stage.invitations,
        ("UPDATE", "invitation", "NEW.transfer_id"),
        "EXISTS (SELECT FROM invitation WHERE transfer_id = :id AND status = 'returned')",
    ),
    "approvals: expire": Case(
        Stage.approvals, ("UPDATE", "approval", "NEW.id"), "EXISTS (SELECT FROM approval WHERE id = :id AND status = 'expired')"
    ),
    "covers: renew": Case(
        lambda stage: stage.covers(LATE_COVERS),
        ("UPDATE", "policy", "NEW.id"),
        "EXISTS (SELECT FROM policy WHERE id = :id AND status = 'ended')",
    ),
    "covers: remind": Case(
        lambda stage: stage.covers(SOON_COVERS),
        ("INSERT", "chore", "NEW.subject"),
        "EXISTS (SELECT FROM chore WHERE subject = :id)",
    ),
    "jobs: deadlines": Case(
        Stage.jobs, ("UPDATE", "job", "NEW.id"), "EXISTS (SELECT FROM job WHERE id = :id AND status = 'expired')"
    ),
    "savings: save": Case(
        lambda stage: stage.goals(rule="weekly", rule_amount=100, rule_next=TODAY),
        ("UPDATE", "goal", "NEW.id"),
        "EXISTS (SELECT FROM account WHERE id = :id AND balance = 100)",
    ),
    "savings: remind": Case(
        lambda stage: stage.goals(due=TODAY + 3 * DAY),
        ("INSERT", "chore", "NEW.subject"),
        "EXISTS (SELECT FROM chore WHERE subject = :id)",
    ),
    "retention: delete": Case(
        Stage.tries, ("DELETE", "attempt", "OLD.subject"), "NOT EXISTS (SELECT FROM attempt WHERE subject = :id)"
    ),
    "sms: send": Case(
        Stage.unreadable, ("", "", ""), "EXISTS (SELECT FROM outbox WHERE id = :id AND status = 'sending')", failures=1
    ),
    "sms: release": Case(
        Stage.leased, ("UPDATE", "outbox", "NEW.id"), "EXISTS (SELECT FROM outbox WHERE id = :id AND status = 'unsure')"
    ),
    "sms: catch up": Case(
        Stage.reported,
        ("UPDATE", "sms_attempt", "NEW.outbox_id"),
        "EXISTS (SELECT FROM outbox WHERE id = :id AND status = 'delivered')",
    ),
}


@pytest.fixture
async def stage(runtime: Runtime) -> Stage:
    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    return Stage(replace(runtime, rails={"played": PlayedRail()}), asha)


def poison(runtime: Runtime, case: Case, row: UUID) -> None:
    moment, table, condition = case.fails
    if not moment:
        return
    with psycopg.connect(runtime.settings.database_url, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION poisoned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'this row is poisoned'; END $$"
        )
        owner.execute(
            f"CREATE TRIGGER poisoned BEFORE {moment} ON {table} FOR EACH ROW WHEN ({condition} = '{row}') "
            "EXECUTE FUNCTION poisoned()"
        )


WAITING: dict[str, Callable[[Stage, datetime], Awaitable[Pair]]] = {
    "payments: give up": lambda stage, end: stage.payments(status="asked", answer_by=end),
    "approvals: expire": Stage.approvals,
    "jobs: deadlines": Stage.jobs,
}


@pytest.mark.usefixtures("contrived")
@pytest.mark.parametrize("duty", WAITING)
async def test_nothing_is_over_before_its_time_where_a_worker_an_hour_ahead_begins_its_round(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, duty: str
) -> None:
    """Its clock may be set wrong after its round has begun."""
    await WAITING[duty](stage, clock.now() + 10 * MINUTE)
    before = await ROUNDS[duty](stage.runtime)
    move_clock(monkeypatch, 3_700)
    assert (before, await ROUNDS[duty](stage.runtime)) == (0, 0)


@pytest.mark.usefixtures("contrived")
async def test_a_rail_is_not_asked_again_by_a_worker_whose_clock_is_ahead(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rail = stage.runtime.rails["played"]
    await stage.payments(direction="out", created_at=clock.now(), answer_by=clock.now() + 10 * MINUTE)
    first = await handover._lease(stage.runtime, rail, await handover._now(stage.runtime))
    move_clock(monkeypatch, 70)
    assert (len(first), await handover._lease(stage.runtime, rail, await handover._now(stage.runtime))) == (2, [])


def test_every_duty_has_its_poisoned_row() -> None:
    assert CASES.keys() == ROUNDS.keys() - ROWLESS


@pytest.mark.usefixtures("contrived")
@pytest.mark.parametrize("duty", CASES)
async def test_a_row_whose_work_fails_for_ever_stops_no_other_and_is_passed_over(stage: Stage, duty: str) -> None:
    case = CASES[duty]
    with clock.at(NOW):
        bad, good = await case.rows(stage)
        poison(stage.runtime, case, bad)
        failures = []
        for number in range(4):
            with capture_logs() as logs:
                await ROUNDS[duty](stage.runtime)
            failures += [number for line in logs if line["event"] == "a row's work failed" and line["duty"] == duty]
            async with stage.runtime.database.autocommit() as connection:
                assert await connection.scalar(text(f"SELECT {case.done}"), {"id": good}), number
                assert not await connection.scalar(text(f"SELECT {case.done}"), {"id": bad})
    assert failures == [*range(case.failures)]
