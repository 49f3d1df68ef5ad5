"""Customers who pay each other by USSD and SMS, over a network that loses, repeats and reorders."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random

import httpx2
import psycopg
from measures import Wait
from provider import Provider, Sent
from verdict import Payment, Reading

from core import phones
from core.messaging import inbound, kinds
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
# An order is two SMS and a code. More of them in an hour are not answered.
_MOST_ORDERS = min(inbound.MOST_IN_AN_HOUR // 2, kinds.by_name()["code"].most_in_an_hour or 1_000)
_CODE = re.compile(r"Reply OK (\d+) ")
# Of a payment, by its amount: each of hers has another.
_AMOUNT = re.compile(r"(?:Send|confirmed\.|[0-9A-Z]{10},) KES ([\d,]+)(?: sent)? to ")
_numbers = count(1)


class Versions:
    """How often a wallet was posted to, as far as the database can be asked now."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[tuple[int]] | None = None
        self._turn = asyncio.Lock()
        self._newest: dict[str, int] = {}

    def least(self, phone: str) -> int:
        """It is not below this now, whether the database can be asked or not."""
        return self._newest.get(phone, 0)

    async def read(self, phone: str) -> int | None:
        async with self._turn:
            try:
                version = await asyncio.wait_for(self._read(phone), _SAMPLE_SECONDS)
            except (psycopg.Error, OSError, TimeoutError):
                await self.close()
                return None
            self._newest[phone] = version or self.least(phone)
            return version

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
    # From an order that was taken until its code has left, by phone.
    code_waits: list[tuple[str, Wait]] = field(default_factory=list)
    # When a phone waited behind an SMS whose worker had died.
    doubts: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    # SMS that have not left at the end.
    unsent: list[str] = field(default_factory=list)

    def happens(self) -> bool:
        return self.random.random() < self.unrest


@dataclass(frozen=True, slots=True)
class _Hop:
    session: str
    text: str
    payment: Payment | None = None
    typed: str = ""
    wrong_pins: int = 0


class Customer:
    def __init__(self, town: Town, phone: str, others: Sequence[str]) -> None:
        self._town = town
        self._phone = phone
        self._others = others
        self._amounts = count(_LEAST_KES)
        self._wrong_pins = 0
        self._older: list[_Hop] = []
        self._confirmed: set[Payment | None] = set()
        self._first_versions: dict[tuple[str, str], int] = {}
        self._answered_seconds: dict[tuple[str, str], float] = {}
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
        for _ in range(_MOST_ORDERS):
            if self._town.is_over.is_set():
                return
            await self._pay_by_sms()
            await asyncio.sleep(self._town.random.uniform(1, 8))

    def read_sms(self) -> list[Sent]:
        """What has come since the last time, and is read now."""
        messages = self._town.provider.sent[self._seen_sms :]
        self._seen_sms += len(messages)
        received = [message for message in messages if message.phone == self._phone]
        for message in received:
            # Before she has sent its code, nothing is done indeed.
            ordered = self._ordered if self._ordered is not None and self._ordered.is_agreed else None
            is_answer = ordered is not None and not self._is_sms_unclear and _is_answer(message.text, ordered)
            self._read(Reading(self._phone, message.text, ordered if is_answer else None, is_sms=True, answers="an SMS"))
        return received

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
            if typed == "wrong":
                self._wrong_pins += 1
            else:
                payment.is_agreed = True
            screen = await self._hop(_Hop(session, text, payment, typed, self._wrong_pins))
        if screen is None or "confirmed" not in screen:
            await self._hop(_Hop(_session(), "", payment))

    async def _pay_by_sms(self) -> None:
        self.read_sms()
        self._is_sms_unclear = time.monotonic() < self._clear_from_seconds
        payment = self._ordered = self._new_payment()
        order = f"SEND {payment.amount_minor // 100} {phones.national(payment.recipient)}"
        if not await self._write(order):
            return
        began_seconds = time.monotonic()
        answer = await self._await_sms(payment)
        code = _CODE.search(answer.text) if answer is not None else None
        ended_seconds = time.monotonic() if answer is None else answer.seconds
        if answer is None or code is not None:
            self._town.code_waits.append((self._phone, Wait(began_seconds, ended_seconds, answer is not None)))
        if code is not None:
            payment.is_agreed = True
            await self._write(f"OK {code[1]}")
            await self._await_sms(payment)

    async def _await_sms(self, payment: Payment) -> Sent | None:
        """The first answer that comes. Where none does, no later one can be told from those to her next order."""
        until = time.monotonic() + _SMS_SECONDS
        while time.monotonic() < until:
            answers = [message for message in self.read_sms() if _is_answer(message.text, payment)]
            if answers:
                return answers[0]
            await asyncio.sleep(0.1)
        self._clear_from_seconds = time.monotonic() + _LATE_SECONDS
        return None

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
        if hop.typed:
            self._confirmed.add(hop.payment)
        if self._older and self._town.happens():
            # A hop of before comes late, when she looks at something else.
            late = self._town.random.choice(self._older)
            await self._ask(late, is_late=True)
        began_seconds = time.monotonic()
        if self._town.happens():
            screens = await asyncio.gather(self._ask(hop), self._ask(hop, late_seconds=self._town.random.uniform(0, 0.3)))
            screen = screens[0] or screens[1]
        else:
            is_lost = self._town.happens()
            screen = await self._ask(hop, patience_seconds=0.05 if is_lost else GIVEN_UP_SECONDS)
            if is_lost and screen is None:
                began_seconds = time.monotonic() + _AGAIN_SECONDS
        for _ in range(_MOST_REPETITIONS):
            if screen is not None:
                break
            await asyncio.sleep(_AGAIN_SECONDS)
            screen = await self._ask(hop)
        # From the first time that she asks until she has read something, whatever has failed in between.
        ended_seconds = self._answered_seconds.get((hop.session, hop.text), time.monotonic())
        self._town.waits.append(Wait(began_seconds, max(began_seconds, ended_seconds), screen is not None))
        if screen is not None and self._town.happens():
            await self._ask(hop)
        self._older = [*self._older[-20:], hop]
        if hop.typed == "right" and screen is not None and "confirmed" in screen:
            self._wrong_pins = 0
        return screen

    async def _ask(
        self, hop: _Hop, *, late_seconds: float = 0, patience_seconds: float = GIVEN_UP_SECONDS, is_late: bool = False
    ) -> str | None:
        await asyncio.sleep(late_seconds)
        least = self._town.versions.least(self._phone)
        version = await self._town.versions.read(self._phone)
        first = self._first_versions.setdefault((hop.session, hop.text), least if version is None else version)
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
            self._answered_seconds.setdefault((hop.session, hop.text), time.monotonic())
            last = await self._town.versions.read(self._phone)
            # Before she types her PIN, nothing is done indeed.
            is_open = hop.payment not in self._confirmed or (is_late and not hop.typed)
            self._read(
                Reading(
                    self._phone,
                    screen,
                    None if is_open else hop.payment,
                    about=hop.payment,
                    is_agreed=hop.payment is not None and hop.payment.is_agreed,
                    versions=(first, last),
                    wrong_pins=max(self._wrong_pins, hop.wrong_pins),
                    typed=hop.typed,
                    answers=f"{hop.session} {_without_pin(hop)} at {time.strftime('%H:%M:%S')}{', late' if is_late else ''}",
                )
            )
        return screen

    def _read(self, reading: Reading) -> None:
        self._town.readings.append(reading)


def _is_answer(text: str, payment: Payment) -> bool:
    """May it answer what she has written about this payment? The receipts of what she has paid by USSD come between."""
    if "You received" in text:
        return False
    amount = _AMOUNT.search(text)
    return amount is None or int(amount[1].replace(",", "")) * 100 == payment.amount_minor


def _without_pin(hop: _Hop) -> str:
    return f"{hop.text.rpartition('*')[0]}*{hop.typed}" if hop.typed else hop.text


def _session() -> str:
    return f"ATUid_faults_{next(_numbers)}"
