"""A handful of phones that do anything in any order, played at the callback: no screen is ever broken and no money lost.

`RANDOM_PHONES_EXAMPLES=500 pytest tests/journeys/test_random_phones.py` plays longer, and something else every time.
"""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import structlog
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import func, select

from core import clock, septets
from core.credentials import codes
from core.customers import profiles
from core.features import CHECKS, DUTIES
from core.ledger import audit, statement
from core.ledger.chart import UNCLAIMED, SystemAccount
from core.membership import registration
from core.settings import Settings
from core.tables.messaging import outbox
from core.tables.sending import invitation
from gateway import wiring
from gateway.cli.embedded import Servers
from menus.screens import SCREENS
from tests import databases, pins
from tests.conftest import dump_redis, forget_sessions, running_client
from tests.core.sending.invited import paid_in
from tests.journeys.callers import Caller, Line, Network
from tests.journeys.guesses import SMS, Chooser, Guess, Person, asked, guesses, is_pin
from tests.pins import found_in

PEOPLE = (
    Person("+254711000001", "Asha Wanjiku", "22345601"),
    Person("+254722000002", "Baraka Otieno", "22345602"),
    Person("+254733000003", "Mama Njeri", "22345603"),
    Person("+254722000111", "Neema Achieng", "22345678"),
    Person("+254700000222", "Kamau wa Njoroge", "22345679"),
    Person("+254700000333", "Juma Hamisi", "22345680"),
)
# What is dialled behind the service code, sensible and otherwise. A PIN in it is never taken.
PATHS = (
    "1",
    "4*0722000002*500",
    "4*0700000222*50",
    "10*1*0711000001*500",
    "3*1*200100*100",
    "2*1*500",
    "5*2*School fees*5000*1",
    "9*1",
    "6*1",
    "8*1",
    f"4*0722000002*500*{pins.RIGHT}",
    f"9*2*{pins.RIGHT}",
    "98*98",
    "0*00*0",
    "*",
    "4**",
    "999*1",
    "*".join(["1", "0"] * 20),
)
MINUTES = (*[0] * 12, *[1] * 3, *[20] * 3, *[24 * 60] * 2, 8 * 24 * 60, 35 * 24 * 60)
GOES_ON, AGAIN = "in the session that is open", ""
ODD_HOPS = (
    "a hop comes again",
    "an older hop comes late",
    "an answer comes twice at once",
    "everybody answers at once",
    "a session goes on that was left",
)
ODD_EVENTS = (
    "the line drops",
    "the session is forgotten",
    "the network says that the session is over",
    "she sends an SMS",
    "she answers the prompts of M-Pesa",
    "a thief tries PINs",
)
_anybody = st.integers(0, len(PEOPLE) - 1)
_answers = st.lists(guesses(), min_size=2, max_size=14)


class RandomPhones(RuleBasedStateMachine):
    """A database of its own for each run, two processes of the service over it, and a clock that jumps."""

    server_url: str
    template: str
    redis_url: str
    hops: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        # Ahead of Redis's own clock for as long as this lasts, or turns would be over before they began.
        self.now = clock.now() + timedelta(minutes=30)
        forget_sessions(self.redis_url)
        self.settings = Settings(database_url=databases.copy(self.server_url, self.template), redis_url=self.redis_url)
        self.logged = ExitStack()
        self.log = self.logged.enter_context(structlog.testing.capture_logs())
        self.runtime = wiring.runtime(self.settings)
        self.service = AsyncExitStack()
        clients = [self.run(self.service.enter_async_context(running_client(self.settings))) for _ in range(2)]
        self.network = Network(clients, self.runtime, self.redis_url)
        self.callers = [Caller(replace(person)) for person in PEOPLE]
        self.chooser = Chooser([caller.person for caller in self.callers], self.network.screens, self.network.seen)
        self.sessions = 0
        self.run(self._begin())

    async def _begin(self) -> None:
        """One has just registered, one has joined by SMS, one is unknown; whoever has an account has some money."""
        *_, kamau, juma = [caller.person for caller in self.callers]
        await registration.register(
            self.runtime, phone=kamau.phone, name=kamau.name, national_id=kamau.national_id, language="sw", pin=kamau.pin
        )
        await self.network.sms(juma, f"JOIN {juma.name}")
        for caller in self.callers:
            if await profiles.find(self.runtime, caller.person.phone) is not None:
                await paid_in(self.runtime, caller.person.phone, 800_000)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        with clock.at(self.now):
            return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.run(self._check_books())
            # A day may pass before a network has said anything.
            awaited = "a payment out has no final report"
            errors = [line for line in self.log if line["log_level"] in ("error", "critical") and line["event"] != awaited]
            assert errors == []
            assert found_in(repr(self.log).encode()) == [], "a PIN was logged"
            assert self.network.pins_kept() == [], "a PIN was kept"
        finally:
            self.hops.update(self.network.seen)
            self.logged.close()
            dump_redis(self.redis_url)
            self.network.close()
            self.runner.run(self.service.aclose())
            self.runner.run(self.runtime.close())
            self.runner.close()
            databases.drop(self.settings.database_url)

    async def _check_books(self) -> None:
        """And what customers were told: each is one SMS."""
        report = await audit.verify(self.runtime.database, checks=CHECKS)
        assert report.findings == []
        async with self.runtime.database.autocommit() as connection:
            bodies = (await connection.scalars(select(outbox.c.body))).all()
            waiting = select(func.coalesce(func.sum(invitation.c.amount), 0)).where(invitation.c.status == "waiting")
            unclaimed = await statement.get_system_balance(connection, SystemAccount(UNCLAIMED, "KES"))
            assert unclaimed.minor == await connection.scalar(waiting)
        assert [body for body in bodies if septets.foreign(body) or septets.count(body) > septets.SCREEN_SEPTETS] == []

    # Each rule can do something at any time: Hypothesis leaves some of them out of every run.

    @rule(who=_anybody, how=st.sampled_from([*[GOES_ON] * 12, *[AGAIN] * 12, *PATHS]), is_in_code=st.booleans(), answers=_answers)
    def somebody_uses_her_phone(self, who: int, how: str, is_in_code: bool, answers: list[Guess]) -> None:
        caller = self.callers[who]
        if how != GOES_ON:
            self._dial(caller, how, is_in_code=is_in_code)
        self._answer(caller, self._open_line(caller), answers)

    @rule(who=_anybody, what=st.sampled_from(ODD_HOPS), number=st.integers(0, 8), answers=_answers)
    def hops_come_oddly(self, who: int, what: str, number: int, answers: list[Guess]) -> None:
        caller = self.callers[who]
        self._open_line(caller)
        line = caller.lines[-1 - number % len(caller.lines)]
        note(what)
        match what:
            case "a hop comes again":
                self.run(self.network.hop(caller, line, line.typed, 1 + number % 3))
            case "an older hop comes late":
                self.run(self.network.hop(caller, line, line.typed[:number]))
            case "an answer comes twice at once":
                self._type(caller, line, answers[0], times=2)
            case "everybody answers at once":
                self._all_answer(answers)
        # Perhaps in a session that was over, or overtaken by another.
        self._type(caller, line, answers[0])
        self._answer(caller, line, answers[1:])

    @rule(who=_anybody, what=st.sampled_from(ODD_EVENTS), number=st.integers(0, 8), answers=_answers)
    def something_happens_in_between(self, who: int, what: str, number: int, answers: list[Guess]) -> None:
        caller = self.callers[who]
        line = self._open_line(caller)
        note(what)
        match what:
            case "the line drops":
                self._dial(caller)
            case "the session is forgotten":
                self.network.forget(caller, "session", *(["resume"] if number % 2 else []))
            case "the network says that the session is over":
                self.run(self.network.ended(line))
            case "she sends an SMS":
                for text in (SMS[answers[0].number % len(SMS)], "OK {code}"):
                    self.run(self.network.sms(caller.person, text))
            case "she answers the prompts of M-Pesa":
                self.run(self.network.answer_prompts(caller.person, pays=number % 4 != 0))
            case "a thief tries PINs":
                for _ in range(3):
                    if is_pin(self.network.screens[line.screen]):
                        self._type(caller, line, Guess("wrong", 0))
        self._answer(caller, self._open_line(caller), answers)

    @rule(
        who=_anybody,
        minutes=st.sampled_from(MINUTES),
        workers=st.integers(1, 2),
        answers=_answers,
    )
    def time_passes_and_the_workers_do_their_duties(self, who: int, minutes: int, workers: int, answers: list[Guess]) -> None:
        self.now += timedelta(minutes=minutes)
        note(f"{minutes} minutes pass, and {workers} workers do their duties")
        for duty in DUTIES:
            self.run(_together([duty.round(self.runtime) for _ in range(workers)]))
        self._answer(self.callers[who], self._open_line(self.callers[who]), answers)

    def _open_line(self, caller: Caller) -> Line:
        if not caller.lines or not caller.lines[-1].is_open:
            self._dial(caller)
        return caller.lines[-1]

    def _all_answer(self, answers: list[Guess]) -> None:
        lines = [(caller, caller.lines[-1]) for caller in self.callers if caller.lines]
        typed = [self._input(*line, answers[number % len(answers)]) for number, line in enumerate(lines)]
        hops = [self.network.hop(caller, line, [*line.typed, text]) for (caller, line), text in zip(lines, typed, strict=True)]
        self.run(_together(hops))

    def _dial(self, caller: Caller, path: str = "", *, is_in_code: bool = False) -> None:
        self.sessions += 1
        line = Line(f"phones-{self.sessions}", dialled=path if is_in_code else "")
        caller.lines = [*caller.lines[-2:], line]
        self.run(self.network.hop(caller, line, path.split("*") if path and not is_in_code else []))

    def _answer(self, caller: Caller, line: Line, answers: list[Guess]) -> None:
        for guess in answers:
            if line.is_open:
                self._type(caller, line, guess)

    def _type(self, caller: Caller, line: Line, guess: Guess, times: int = 1) -> None:
        person, screen = caller.person, self.network.screens[line.screen]
        typed = self._input(caller, line, guess)
        self.run(self.network.hop(caller, line, [*line.typed, typed], times))
        if not is_pin(screen) or not re.fullmatch("[0-9]{4}", typed):
            return
        if asked(screen) == "repeat" and not is_pin(self.network.screens[line.screen]):
            person.pin = typed
        elif asked(screen) == "pin" and re.search("Wrong PIN|PIN si sahihi", line.body):
            person.pin = pins.NEW if person.pin == pins.RIGHT else pins.RIGHT

    def _input(self, caller: Caller, line: Line, guess: Guess) -> str:
        screen = self.network.screens[line.screen]
        if asked(screen) == "code":
            caller.person.code = self.run(self.network.newest_code(caller.person, codes.PIN))
        with clock.at(self.now):
            return self.chooser.typed(guess, caller.person, screen, line.body, line.typed[-1] if line.typed else "")


async def _together(work: Iterable[Awaitable[Any]]) -> None:
    await asyncio.gather(*work)


def test_whatever_phones_do_every_screen_is_sound_and_no_money_is_lost(servers: Servers, template: str, redis_url: str) -> None:
    RandomPhones.server_url, RandomPhones.template, RandomPhones.redis_url = servers.database_url, template, redis_url
    examples = int(os.environ.get("RANDOM_PHONES_EXAMPLES", "0"))
    played = settings(
        max_examples=examples or 2,
        stateful_step_count=120,
        deadline=None,
        derandomize=not examples,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RandomPhones, settings=played)
    seen = set(RandomPhones.hops) & {screen.name for screen in SCREENS}
    assert RandomPhones.hops.total() > 1_000
    assert len(seen) > len(SCREENS) // 2, "they have hardly got anywhere"
