"""Phones at the callback of which nobody knows what they will do, and what must be right whatever they do."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import httpx2
import redis
from hypothesis import note

from core import clock, septets
from core.credentials import codes
from core.customers import profiles
from core.hashing import code_digits
from core.i18n import LANGUAGES, translate
from core.payments import prompts, requests
from core.runtime import Runtime
from core.septets import SCREEN_SEPTETS
from gateway.ussd import failing, road, sessions
from menus.engine.dsl import BACK, HOME
from menus.engine.machine import Engine
from menus.engine.session import Session, Step
from menus.screens import SCREENS
from tests import pins
from tests.journeys.guesses import Person
from tests.phone import CALLBACK, SERVICE_CODE
from tests.pins import found_in

_APOLOGIES = frozenset(
    translate(message, language)
    for message in (failing.NOTHING_DONE, failing.LOOK_FIRST, failing.MAYBE_DONE, road.STILL_WORKING)
    for language in LANGUAGES
)
_ENGINE = Engine(SCREENS)
_OVER = frozenset(f"END {translate(road.ENDED, language)}" for language in LANGUAGES)


@dataclass(slots=True)
class Line:
    """A session as the phone knows it: all that was typed in it, and the last screen. `dialled` came with the service code."""

    session_id: str
    dialled: str = ""
    typed: list[str] = field(default_factory=list)
    screen: str = ""
    body: str = ""

    @property
    def text(self) -> str:
        return "*".join(self.typed)

    @property
    def is_open(self) -> bool:
        return self.body.startswith("CON ")


@dataclass(slots=True)
class Caller:
    """A phone: its lines, the newest last, and what the service answered last, to which text of which session."""

    person: Person
    lines: list[Line] = field(default_factory=list)
    last: tuple[str, str, str] = ("", "", "")


class Network:
    """Carries hops to the callback and looks at every answer. Several clients: processes of one service."""

    def __init__(self, clients: Sequence[httpx2.AsyncClient], runtime: Runtime, redis_url: str) -> None:
        self._clients = clients
        self._runtime = runtime
        self._redis = redis.Redis.from_url(redis_url)
        self._engine = _ENGINE
        self.hops = 0
        self.seen: Counter[str] = Counter()
        self.screens = self._engine.screens

    def close(self) -> None:
        self._redis.close()

    def forget(self, caller: Caller, *keys: str) -> None:
        """As if two minutes (`session`), or a quarter of an hour (`resume` too), had gone by."""
        self._redis.delete(*(_key(caller.person, key) for key in keys))
        caller.last = ("", "", "")

    def pins_kept(self) -> list[bytes]:
        """Every PIN that Redis holds now."""
        held = [self._redis.get(key) for key in self._redis.scan_iter()]
        return [found for value in held if isinstance(value, bytes) for found in found_in(value)]

    async def hop(self, caller: Caller, line: Line, typed: list[str], times: int = 1) -> None:
        """Sends all that was typed in the session and checks what comes back. `times`: so often at once."""
        text = "*".join(typed)
        last_session, last_text, last_body = caller.last
        is_nothing_new = last_session == line.session_id and len(text) <= len(last_text)
        responses = await asyncio.gather(*(self._post(caller.person, line, text, number) for number in range(times)))
        body, name = responses[0].text, responses[0].headers.get("at-ussd-hop-metadata", "")
        self.hops += times
        self.seen[name] += 1
        note(f"{caller.person.phone} {line.session_id} {_hidden(text)!r}\n    {name}: {body!r}")
        assert {response.status_code for response in responses} == {200}
        assert {response.text for response in responses} == {body}, "a hop that came twice got two answers"
        check_screen(body)
        if is_nothing_new:
            assert body == last_body, "a repeated hop got another answer"
            return
        if last_session == line.session_id and last_body.startswith("END "):
            assert body in _OVER  # and the last screen is what goes on being kept
            return
        caller.last = (line.session_id, text, body)
        line.typed, line.body, line.screen = typed, body, name
        await self._check_session(caller.person, body)

    async def ended(self, line: Line) -> None:
        """The network's word that a session is over, with all that was typed in it."""
        event = {"sessionId": line.session_id, "status": "Success", "input": line.text, "lastAppResponse": line.body}
        response = await self._clients[0].post(f"{CALLBACK}/events", data=event)
        assert response.status_code == 200

    async def sms(self, person: Person, text: str) -> None:
        """Delivers an SMS of the phone's to the service; `{code}` in it stands for the last code that it got."""
        said = text.replace("{code}", await self.newest_code(person, codes.SMS)) if "{code}" in text else text
        form = {"id": uuid4().hex, "from": person.phone, "to": "22384", "text": said, "date": f"{clock.now():%Y-%m-%d %H:%M:%S}"}
        note(f"{person.phone} sends {_hidden(text)!r}")
        response = await self._clients[0].post("/api/sms/africastalking/local/inbound", data=form)
        assert response.status_code == 200

    async def answer_prompts(self, person: Person, *, pays: bool) -> None:
        """Says yes or no to everything that M-Pesa asks on the phone."""
        for prompt in await prompts.list_prompts(self._runtime, "local", person.phone):
            await requests.report(self._runtime, prompt.id, paid=pays)

    async def newest_code(self, person: Person, purpose: str) -> str:
        """The one-time code in the last SMS that brought one, if that were sent now."""
        customer = await profiles.find(self._runtime, person.phone)
        if customer is None:
            return ""
        async with self._runtime.database.autocommit() as connection:
            row = await codes.find_newest(connection, customer.id, purpose)
        return "" if row is None else code_digits(self._runtime.settings.pin_pepper, row.id, purpose)

    async def _post(self, person: Person, line: Line, text: str, number: int) -> httpx2.Response:
        is_dialled = line.dialled and not text
        form = {
            "sessionId": line.session_id,
            "phoneNumber": person.phone,
            "networkCode": "63902",
            "serviceCode": f"{SERVICE_CODE.removesuffix('#')}*{line.dialled}#" if is_dialled else SERVICE_CODE,
            "text": text,
        }
        return await self._clients[(self.hops + number) % len(self._clients)].post(CALLBACK, data=form)

    async def _check_session(self, person: Person, body: str) -> None:
        """What Redis keeps is the session that was shown, on a screen that exists, with a way out and without a PIN."""
        stored = self._redis.get(_key(person, "session"))
        assert isinstance(stored, bytes), "no session was kept"
        assert found_in(stored) == [], "a PIN was kept"
        live = sessions._decode(stored)
        assert live.reply == body
        assert self._engine.is_known(live.session)
        assert not self._redis.exists(_key(person, "turn")), "the phone's next hop would wait"
        if body.startswith("CON "):
            for key in (BACK, HOME):
                await self._check_way_out(sessions._decode(stored).session, key)
            assert not live.session.stack or re.search(rf"\b({BACK}|{HOME})\b", body), "nothing says how to leave it"

    async def _check_way_out(self, session: Session, key: str) -> None:
        refusal = await self._engine.step(Step(self._runtime, session, key, "", session.key))
        assert refusal is None
        text, is_over = self._engine.show(session)
        assert not is_over
        check_screen(f"CON {text}")


def check_screen(body: str) -> None:
    """Could a phone show it, and is it an answer?"""
    state, _, text = body.partition(" ")
    assert state in ("CON", "END"), body
    assert septets.foreign(text) == "", septets.foreign(text)
    assert septets.count(text) <= SCREEN_SEPTETS, f"{septets.count(text)} septets"
    assert text.strip(), "an empty screen"
    assert not any(apology in text for apology in _APOLOGIES), "the service could not answer"


def _hidden(text: str) -> str:
    """PINs are not printed, in no log."""
    return re.sub("|".join(pins.ALL), "(PIN)", text)


def _key(person: Person, what: str) -> str:
    return f"ussd:{{{person.phone}}}:{what}"
