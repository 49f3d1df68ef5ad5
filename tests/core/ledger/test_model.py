"""The ledger and its reference, asked the same things in any order: every answer and every book must be the same in both."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import insert, text, update

from core import clock
from core.ledger import audit, holds, limits
from core.ledger.chart import SystemAccount
from core.ledger.limits import UNVERIFIED, VERIFIED, Limit
from core.ledger.post import post
from core.ledger.transfer import REFUSALS, Hold, Notice, PostingResult, Transfer
from core.runtime import Runtime
from core.settings import Settings
from core.tables.ledger import account, reversal
from gateway import wiring
from gateway.cli.embedded import Servers
from tests import databases
from tests.core.ledger.reference import Ledger, Verdict
from tests.core.ledger.wishes import Asker, Wish, wishes

COUNTRY = "KE"
TOLD = (Notice("+254711000001", "en", "Balance {balance}.", 0),)
BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
PEOPLE: dict[UUID, tuple[str, str | None]] = {
    UUID(int=1): ("KES", VERIFIED),
    UUID(int=2): ("KES", UNVERIFIED),
    UUID(int=3): ("KES", VERIFIED),
    UUID(int=4): ("KES", None),
    UUID(int=5): ("UGX", VERIFIED),
    UUID(int=6): ("UGX", None),
    UUID(int=7): ("USD", VERIFIED),
    UUID(int=8): ("USD", UNVERIFIED),
}
JOURNAL = ("account", "transfer", "posting", "hold_leg", "open_hold", "outbox")
# One text for all that is on record: the same before and after, if nothing was written.
_ALL_ROWS = "SELECT " + " || ".join(
    f"(SELECT coalesce(md5(string_agg(r::text, '|' ORDER BY r::text)), '') FROM {table} r)" for table in JOURNAL
)
_OWN_BOOKS = """
    SELECT kind, currency, sum(balance)::bigint, sum(version)::bigint FROM account WHERE owner IS NULL GROUP BY 1, 2"""
_BOOKS = """
    SELECT CASE WHEN owner IS NULL THEN kind ELSE id::text END, currency, sum(balance)::bigint, sum(held)::bigint,
        sum(version)::bigint, sum(CASE WHEN day = :today THEN spent ELSE 0 END)::bigint
    FROM account WHERE owner IS NULL OR id = ANY (:people) GROUP BY 1, 2"""


class Machine(RuleBasedStateMachine):
    """A database of its own for each run. The service's own books start from what the demo people have."""

    server_url: str
    template: str
    limits_now: list[Limit]
    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database_url = databases.copy(self.server_url, self.template)
        self.runtime = self.runner.run(self._started())
        self.now = BEGIN
        self.ledger = Ledger()
        for person, (currency, tier) in PEOPLE.items():
            self.ledger.open(person, currency, tier)
        for name, currency, balance, version in self.runner.run(self._own_books()):
            book = self.ledger.book(SystemAccount(name, currency))
            book.balance, book.version = balance, version
        self.asker = Asker(self.ledger, list(PEOPLE), [])
        self.limits_now[:] = self.initial_limits
        limits.as_json.cache_clear()

    initial_limits = tuple(limits.list_current(BEGIN.date()))

    async def _started(self) -> Runtime:
        runtime = wiring.runtime(Settings(database_url=self.database_url))
        async with runtime.database.autocommit() as connection:
            for person, (currency, tier) in PEOPLE.items():
                opened = {"id": person, "owner": person, "kind": "wallet", "currency": currency, "tier": tier, "floor": 0}
                await connection.execute(insert(account).values(**opened, created_at=BEGIN))
        return runtime

    async def _own_books(self) -> Sequence[Any]:
        async with self.runtime.database.autocommit() as connection:
            return (await connection.execute(text(_OWN_BOOKS))).all()

    def teardown(self) -> None:
        report = self.runner.run(self._closed())
        self.runner.close()
        databases.drop(self.database_url)
        assert report.findings == []

    async def _closed(self) -> audit.AuditReport:
        try:
            return await audit.verify(self.runtime.database)
        finally:
            await self.runtime.close()

    @initialize(batch=st.lists(wishes("deposit"), min_size=4, max_size=12))
    def people_pay_in(self, batch: list[Wish]) -> None:
        self.check(batch, [0] * len(batch))

    @rule(wish=wishes("pay", "pay", "deposit", "hold"))
    def ask_for_something_new(self, wish: Wish) -> None:
        self.check([wish], [0])

    @rule(wish=wishes("capture", "part", "void", "broken"))
    def settle_a_hold(self, wish: Wish) -> None:
        self.check([wish], [0])

    @rule(wish=wishes("reverse", "reverse at most"))
    def undo_something(self, wish: Wish) -> None:
        self.check([wish], [0])

    @rule(wish=wishes("again", "conflict", "broken"))
    def ask_again_or_wrongly(self, wish: Wish) -> None:
        self.check([wish], [0])

    @rule(batch=st.lists(wishes(), min_size=2, max_size=7))
    def ask_for_several(self, batch: list[Wish]) -> None:
        self.check(batch, [0] * len(batch))

    @rule(batch=st.lists(st.tuples(wishes(), st.sampled_from([0, 1, 1, 1, 2])), min_size=2, max_size=8))
    def ask_for_chains(self, batch: list[tuple[Wish, int]]) -> None:
        self.check([wish for wish, _ in batch], [chain for _, chain in batch])

    @rule(minutes=st.sampled_from([1, 60, 180, 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def late_holds_expire(self) -> None:
        late = self.ledger.late_holds(self.now)
        with clock.at(self.now):
            assert self.runner.run(holds.expire(self.runtime.database, self.runtime.poster)) == len(late)
        for hold_id in late:
            reserved = self.ledger.state.journal[hold_id].wish
            hold = Hold(hold_id, reserved.initiator, reserved.legs, reserved.limited_minor)
            [verdict] = self._expected([holds.give_back(hold, f"expire:{hold_id}", holds.KIND_EXPIRE)], [0])
            assert verdict.outcome == "posted"

    @rule(person=st.sampled_from(list(PEOPLE)), opens=st.sampled_from([True, True, False]))
    def an_account_is_closed_or_opened(self, person: UUID, opens: bool) -> None:
        (self.ledger.reopen if opens else self.ledger.close)(person)
        self.runner.run(self._change_status(person, "open" if opens else "closed"))

    async def _change_status(self, person: UUID, status: str) -> None:
        async with self.runtime.database.autocommit() as connection:
            await connection.execute(update(account).where(account.c.id == person).values(status=status))

    @rule(wish=wishes("hold"), capture=wishes("capture", "part"))
    def a_capture_comes_late(self, wish: Wish, capture: Wish) -> None:
        richest = max(range(len(PEOPLE)), key=lambda giver: self.ledger.book(list(PEOPLE)[giver]).available)
        self.check([replace(wish, giver=richest, amount="half", fee=0, is_limited=False)], [0])
        self.now += timedelta(hours=7)
        self.check([replace(capture, which=0)], [0])

    @rule(wish=wishes("pay"), giver=st.sampled_from([0, 1, 4, 6]))
    def a_days_limit_is_reached(self, wish: Wish, giver: int) -> None:
        book = self.ledger.book(list(PEOPLE)[giver])
        number = next(n for n, one in enumerate(self.limits_now) if (one.tier, one.currency) == (book.tier, book.currency))
        left = book.spent_on(clock.day(self.now, COUNTRY)) + max(book.available * 2 // 3, 1)
        self.limits_now[number] = replace(self.limits_now[number], transfer=10**13, day=left)
        limits.as_json.cache_clear()
        self.check([replace(wish, giver=giver, amount="half", is_limited=True)] * 2, [0, 0])

    @rule(
        number=st.sampled_from([0, 0, 1, 4, 8]),
        divisor=st.sampled_from([10, 1_000, 100_000]),
        which=st.sampled_from([("day",), ("balance",), ("transfer", "day", "balance"), ()]),
    )
    def a_limit_changes(self, number: int, divisor: int, which: tuple[str, ...]) -> None:
        old = self.initial_limits[number]
        shares = {name: getattr(old, name) // divisor for name in which}
        self.limits_now[number] = replace(old, **shares)
        limits.as_json.cache_clear()

    @invariant()
    def every_book_is_the_same_in_both(self) -> None:
        today = clock.day(self.now, COUNTRY)
        there = {(name, currency): tuple(numbers) for name, currency, *numbers in self.runner.run(self._books())}
        for name, book in self.ledger.state.books.items():
            known = str(name) if isinstance(name, UUID) else name.kind
            expected = (book.balance, book.held, book.version, book.spent_on(today))
            assert there[known, book.currency] == expected, f"{known} {book.currency}"

    @invariant()
    def all_money_of_a_currency_adds_up_to_nothing(self) -> None:
        sums = self.runner.run(self._scalars("SELECT sum(balance)::bigint FROM account GROUP BY currency"))
        assert set(sums) == {0}

    async def _books(self) -> Sequence[Any]:
        asked = {"today": clock.day(self.now, COUNTRY), "people": list(PEOPLE)}
        async with self.runtime.database.autocommit() as connection:
            return (await connection.execute(text(_BOOKS), asked)).all()

    async def _scalars(self, query: str) -> Sequence[Any]:
        async with self.runtime.database.autocommit() as connection:
            return (await connection.scalars(text(query))).all()

    def check(self, batch: list[Wish], chains: list[int]) -> None:
        """Asks both, and compares what they say; and what is on record, where both say no to all of it."""
        with clock.at(self.now):
            asked = [self.asker.transfer(wish, self.now) for wish in batch]
            asked = [replace(transfer, notices=TOLD if transfer.legs else ()) for transfer in asked]
            before = self.runner.run(self._scalars(_ALL_ROWS))
            answers = self.runner.run(self._post(asked, chains))
        verdicts = self._expected(asked, chains)
        for transfer, answer, verdict in zip(asked, answers, verdicts, strict=True):
            assert said(transfer, answer) == said(transfer, verdict), transfer
            self.outcomes[answer.outcome] += 1
        if all(answer.outcome != "posted" for answer in answers):
            assert self.runner.run(self._scalars(_ALL_ROWS)) == before

    def _expected(self, asked: Sequence[Transfer], chains: Sequence[int]) -> list[Verdict]:
        today = clock.day(self.now, COUNTRY)
        return self.ledger.post(asked, chains, self.now, today, limits.list_current(today))

    async def _post(self, asked: Sequence[Transfer], chains: Sequence[int]) -> list[PostingResult]:
        async with self.runtime.database.autocommit() as connection:
            answers = await post(connection, asked, COUNTRY, chains if any(chains) else None)
            for transfer, answer in zip(asked, answers, strict=True):
                if transfer.reverses and answer.outcome == "posted":
                    reason = {"transfer_id": transfer.id, "reason": "a mistake", "requested_by": "an operator"}
                    await connection.execute(insert(reversal).values(**reason))
            return answers


def said(transfer: Transfer, answer: PostingResult | Verdict) -> tuple[object, ...]:
    """An answer without what depends on which of an account's rows the service happened to use."""
    available = answer.available_minor if isinstance(answer, PostingResult) else answer.available
    mine = [left for leg, left in zip(transfer.legs, available, strict=False) if isinstance(leg.account, UUID)]
    is_done = answer.outcome in ("posted", "repeated")
    return answer.outcome, answer.detail, mine, answer.transfer_id if is_done else None


@pytest.fixture
def changing_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Limit]]:
    """The limits that hold now: whoever changes the list clears `limits.as_json`."""
    now: list[Limit] = []
    monkeypatch.setattr(limits, "_limits", lambda: tuple(now))
    yield now
    limits.as_json.cache_clear()


def test_whatever_is_asked_in_whatever_order_the_books_are_those_of_the_reference(
    servers: Servers, template: str, changing_limits: list[Limit], request: pytest.FixtureRequest
) -> None:
    Machine.server_url, Machine.template, Machine.limits_now = servers.database_url, template, changing_limits
    profile = "ledger soak" if request.config.getoption("--hypothesis-profile") == "soak" else "ledger"
    run_state_machine_as_test(Machine, settings=settings.get_profile(profile))
    # Nearly all that the ledger can say was heard: the comparison was not about a few easy cases.
    unheard = {"posted", "repeated", "invalid", "chain_broken", *REFUSALS} - set(Machine.outcomes)
    assert len(unheard) <= 2, unheard
