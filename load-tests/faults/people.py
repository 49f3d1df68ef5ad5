"""Customers who pay each other by USSD and SMS, over a network that loses, repeats and reorders."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

import httpx2
import psycopg
from provider import Provider
from verdict import Payment, Reading

from core import phones
from tests import pins
from tests.crash import upgrade
from tests.phone import SERVICE_CODE

SMS = f"/api/sms/africastalking/{upgrade.SECRET}/inbound"
# The network gives a hop up after 10 to 15 s.
GIVEN_UP_SECONDS = 15.0
_SAMPLE_SECONDS = 0.5
_SMS_SECONDS = 20.0
# No SMS is later than that.
_LATE_SECONDS = 90.0
_LOOKS = 0.25
_AGAIN_SECONDS = 0.7
_LEAST_KES = 11
_MOST_REPETITIONS = 3
_CODE = re.compile(r"Reply OK (\d+) ")
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a hop was waited for, and by what it was ended. Moments are by `time.monotonic`."""

    began_seconds: float
    ended_seconds: float
    is_answered: bool

    @property
    def seconds(self) -> float:
        return self.ended_seconds - self.began_seconds


class Versions:
    """How often a wallet was posted to, as far as the database can be asked now."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[tuple[int]] | None = None
        self._turn = asyncio.Lock()

    async def read(self, phone: str) -> int | None:
        async with self._turn:
            try:
                return await asyncio.wait_for(self._read(phone), _SAMPLE_SECONDS)
            except (psycopg.Error, OSError, TimeoutError):
                await self.close()
                return None

    async def _read(self, phone: str) -> int | None:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        query = """SELECT version FROM account JOIN customer ON customer.id = account.owner
                   WHERE phone = %s AND account.kind = 'wallet'"""
        row = await (await self._connection.execute(query, [phone])).fetchone()
        return row[0] if row else None

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError, TimeoutError):
                await asyncio.wait_for(connection.close(), _SAMPLE_SECONDS)


@dataclass
class Town:
    """What all customers share. `unrest`: the share of hops that the network repeats, loses or reorders."""

    url: str
    client: httpx2.AsyncClient
    provider: Provider
    versions: Versions
    random: Random
    unrest: float
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    payments: list[Payment] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)

    def happens(self) -> bool:
        return self.random.random() < self.unrest


@dataclass(frozen=True, slots=True)
class _Hop:
    session: str
    text: str
    payment: Payment | None = None
    typed: str = ""


class Customer:
    def __init__(self, town: Town, phone: str, others: Sequence[str]) -> None:
        self._town = town
        self._phone = phone
        self._others = others
        self._amounts = count(_LEAST_KES)
        self._wrong_pins = 0
        self._older: list[_Hop] = []
        self._confirmed: set[Payment | None] = set()
        self._first_versions: dict[tuple[str, str], int | None] = {}
        self._seen_sms = 0
        # What she ordered by SMS and has no answer to yet: then nobody knows which of her payments an SMS is about.
        self._ordered: Payment | None = None
        self._is_sms_unclear = False
        self._clear_from_seconds = float("-inf")

    async def live(self) -> None:
        """She dials and writes side by side."""
        await asyncio.gather(self._keep_dialling(), self._keep_writing())

    async def _keep_dialling(self) -> None:
        while not self._town.is_over.is_set():
            await (self._look if self._town.random.random() < _LOOKS else self._pay)()
            await asyncio.sleep(self._town.random.uniform(0.05, 0.4))

    async def _keep_writing(self) -> None:
        while not self._town.is_over.is_set():
            await self._pay_by_sms()
            await asyncio.sleep(self._town.random.uniform(0.5, 3))

    def read_sms(self) -> list[str]:
        """What has come since the last time, and is read now."""
        messages = self._town.provider.sent[self._seen_sms :]
        self._seen_sms += len(messages)
        texts = [message.text for message in messages if message.phone == self._phone]
        for text in texts:
            is_answer = "You received" not in text
            self._read(text, self._ordered if is_answer and not self._is_sms_unclear else None)
        return texts

    def _new_payment(self) -> Payment:
        payment = Payment(self._phone, self._town.random.choice(self._others), next(self._amounts) * 100)
        self._town.payments.append(payment)
        return payment

    async def _look(self) -> None:
        session = _session()
        if await self._hop(_Hop(session, "")) is not None:
            await self._hop(_Hop(session, "1"))

    async def _pay(self) -> None:
        """She never types an amount twice: what is not answered is looked at by another dial, and let be."""
        payment, session = self._new_payment(), _session()
        inputs = ["4", phones.national(payment.recipient), str(payment.amount_minor // 100)]
        is_direct = self._town.random.random() < 0.5
        texts = ["*".join(inputs)] if is_direct else ["", *("*".join(inputs[: end + 1]) for end in range(len(inputs)))]
        screen: str | None = None
        for text in texts:
            screen = await self._hop(_Hop(session, text, payment))
            if screen is None or not screen.startswith("CON "):
                return
        text = texts[-1]
        while screen is not None and "Enter PIN" in screen:
            typed = "wrong" if self._wrong_pins < 2 and self._town.random.random() < 0.1 else "right"
            text = f"{text}*{pins.WRONG if typed == 'wrong' else pins.RIGHT}"
            screen = await self._hop(_Hop(session, text, payment, typed))
        if screen is None or "confirmed" not in screen:
            await self._hop(_Hop(_session(), "", payment))

    async def _pay_by_sms(self) -> None:
        self.read_sms()
        self._is_sms_unclear = time.monotonic() < self._clear_from_seconds
        payment = self._ordered = self._new_payment()
        order = f"SEND {payment.amount_minor // 100} {phones.national(payment.recipient)}"
        if await self._write(order) and (code := _CODE.search(await self._await_sms())):
            await self._write(f"OK {code[1]}")
            await self._await_sms()

    async def _await_sms(self) -> str:
        """The first answer that comes. Where none does, no later one can be told from those to her next order."""
        until = time.monotonic() + _SMS_SECONDS
        while time.monotonic() < until:
            answers = [text for text in self.read_sms() if "You received" not in text]
            if answers:
                return answers[0]
            await asyncio.sleep(0.1)
        self._clear_from_seconds = time.monotonic() + _LATE_SECONDS
        return ""

    async def _write(self, text: str) -> bool:
        """The provider comes again with the same SMS until it is taken."""
        number = next(_numbers)
        sms = {"id": f"faults-{number}", "from": self._phone, "to": "22345", "text": text, "date": "2026-11-23T12:00:00Z"}
        until = time.monotonic() + _SMS_SECONDS
        times = 2 if self._town.happens() else 1
        while time.monotonic() < until:
            with suppress(httpx2.HTTPError):
                posts = [self._town.client.post(f"{self._town.url}{SMS}", data=sms) for _ in range(times)]
                if all(response.status_code == 200 for response in await asyncio.gather(*posts)):
                    return True
            await asyncio.sleep(_AGAIN_SECONDS)
        self._clear_from_seconds = time.monotonic() + _LATE_SECONDS
        return False

    async def _hop(self, hop: _Hop) -> str | None:
        """What she reads in the end: the network repeats what is not answered, and more."""
        if hop.typed == "wrong":
            self._wrong_pins += 1
        if hop.typed:
            self._confirmed.add(hop.payment)
        if self._older and self._town.happens():
            # A hop of before comes late, when she looks at something else.
            late = self._town.random.choice(self._older)
            await self._ask(late if late.typed else replace(late, payment=None))
        if self._town.happens():
            screens = await asyncio.gather(self._ask(hop), self._ask(hop, late_seconds=self._town.random.uniform(0, 0.3)))
            screen = screens[0] or screens[1]
        else:
            screen = await self._ask(hop, patience_seconds=0.05 if self._town.happens() else GIVEN_UP_SECONDS)
        for _ in range(_MOST_REPETITIONS):
            if screen is not None:
                break
            await asyncio.sleep(_AGAIN_SECONDS)
            screen = await self._ask(hop)
        if screen is not None and self._town.happens():
            await self._ask(hop)
        self._older = [*self._older[-20:], hop]
        if hop.typed == "right" and screen is not None and "confirmed" in screen:
            self._wrong_pins = 0
        return screen

    async def _ask(self, hop: _Hop, *, late_seconds: float = 0, patience_seconds: float = GIVEN_UP_SECONDS) -> str | None:
        await asyncio.sleep(late_seconds)
        version = await self._town.versions.read(self._phone)
        first = self._first_versions.setdefault((hop.session, hop.text), version)
        form = {"sessionId": hop.session, "phoneNumber": self._phone, "serviceCode": SERVICE_CODE, "text": hop.text}
        began_seconds = time.monotonic()
        screen = None
        with suppress(httpx2.HTTPError):
            response = await self._town.client.post(
                f"{self._town.url}{upgrade.CALLBACK}", data=form, timeout=httpx2.Timeout(patience_seconds)
            )
            screen = response.text if response.status_code == 200 else None
        if screen is not None or patience_seconds == GIVEN_UP_SECONDS:
            self._town.waits.append(Wait(began_seconds, time.monotonic(), screen is not None))
        if screen is not None:
            last = await self._town.versions.read(self._phone)
            versions = None if first is None or last is None else (first, last)
            # Before she types her PIN, nothing is done indeed.
            payment = hop.payment if hop.payment in self._confirmed else None
            self._read(screen, payment, versions, hop.typed, f"{hop.session} {_without_pin(hop)}")
        return screen

    def _read(
        self,
        text: str,
        payment: Payment | None,
        versions: tuple[int, int] | None = None,
        typed: str = "",
        answers: str = "an SMS",
    ) -> None:
        self._town.readings.append(Reading(self._phone, text, payment, versions, self._wrong_pins, typed, answers))


def _without_pin(hop: _Hop) -> str:
    return f"{hop.text.rpartition('*')[0]}*{hop.typed}" if hop.typed else hop.text


def _session() -> str:
    return f"ATUid_faults_{next(_numbers)}"
