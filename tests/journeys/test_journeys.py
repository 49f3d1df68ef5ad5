"""Plays every journey in the folders beside this file against the real callback, PostgreSQL and Redis."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from core import clock, demo, phones
from core.customers import profiles
from core.features import DUTIES, ENDINGS
from core.insurance import products
from core.ledger import tariffs
from core.membership import closing, registration
from core.messaging import notices
from core.money import Money
from core.operations import board, switches
from core.payments import handover, requests
from core.payments import prompts as payment_prompts
from core.runtime import Runtime
from core.septets import SCREEN_SEPTETS, count, foreign
from core.staff import Staff
from gateway import worker
from tests import pins
from tests.journeys import transcript
from tests.journeys.transcript import Act, Wrong
from tests.phone import Phone, Screen

FOLDER = Path(__file__).parent
JOURNEYS = sorted(FOLDER.rglob("*.txt"))


def name(journey: Path) -> str:
    """`savings/savings_en`: a feature, and what happens in which language."""
    return journey.relative_to(FOLDER).with_suffix("").as_posix()


@pytest.mark.parametrize("journey", JOURNEYS, ids=name)
async def test_a_customer_sees_what_the_journey_says(
    journey: Path, client: httpx2.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every hop looks how the switches stand: nobody waits for seconds to pass.
    monkeypatch.setattr(switches, "_REST_SECONDS", 0.0)
    monkeypatch.setattr(switches, "_OLD_SECONDS", -1.0)
    callers: dict[str, Phone] = {}
    codes: dict[str, str] = {}
    await deliver(runtime)
    read = {person.phone: len(await notices.list_inbox(runtime, person.phone)) for person in demo.PEOPLE}
    for act in transcript.read(journey):
        if act.verb.startswith("prices"):
            change_prices(monkeypatch, int(act.text) if act.verb == "prices rise" else -int(act.text))
            continue
        if act.verb == "passes to":
            number, _, owner = act.text.partition(" ")
            await pass_on(runtime, phones.parse(number, "KE"), owner)
            continue
        if act.verb.startswith("switch"):
            await board.turn(runtime.database, act.text, is_off=act.verb == "switch off", by=Staff("Neema"), why="a journey")
            continue
        number = phones.parse(act.phone, "KE")
        caller = callers.setdefault(number, Phone(client, number))
        if act.verb == "pass":
            await pass_days(act, runtime)
            continue
        with clock.at(clock.now() + timedelta(days=act.days)) if act.days else nullcontext():
            if act.verb == "gets":
                body = await check_sms(act, runtime, number, read)
                codes[number] = transcript.code_in(act.text, body) or codes.get(number, "")
            elif act.verb == "sends":
                await send_sms(act, client, number, transcript.dated(act.text).replace("{code}", codes.get(number, "")))
            elif act.verb in ("pays", "cancels"):
                await answer_prompt(act, runtime, number)
            else:
                said = transcript.dated(act.text).replace("{code}", codes.get(number, ""))
                check_screen(journey, act, await (caller.dial(said) if act.verb == "dials" else caller.type(said)))


def check_screen(journey: Path, act: Act, screen: Screen) -> None:
    where = f"{name(journey)}:{act.line}"
    assert count(screen.text) <= SCREEN_SEPTETS, f"{where}: the screen is too long"
    assert not foreign(screen.text), f"{where}: {foreign(screen.text)!r} is not in the phone's alphabet"
    if not transcript.matches("\n".join(act.screen), screen.text) or act.is_open is not screen.is_open:
        bar = "|" if screen.is_open else "||"
        shown = "\n".join(f"{bar} {line}" for line in screen.text.split("\n"))
        raise Wrong(f"{where}: after `{act.verb} {act.text}` the phone shows\n{shown}")


async def check_sms(act: Act, runtime: Runtime, number: str, read: dict[str, int]) -> str:
    """Compares the next SMS that the phone got, and returns what it says."""
    await deliver(runtime)
    inbox = list(reversed(await notices.list_inbox(runtime, number)))
    position = read.get(number, 0)
    read[number] = position + 1
    assert len(inbox) > position, f"line {act.line}: no SMS has arrived"
    assert transcript.matches(act.text, inbox[position].body.replace("\n", " / ")), (
        f"line {act.line}: the SMS says\n{inbox[position].body}"
    )
    assert count(inbox[position].body) <= SCREEN_SEPTETS, f"line {act.line}: the SMS is longer than one part"
    return inbox[position].body


async def send_sms(act: Act, client: httpx2.AsyncClient, number: str, text: str) -> None:
    """Delivers an SMS as Africa's Talking does."""
    form = {"id": uuid4().hex, "from": number, "to": "22384", "text": text, "date": f"{clock.now():%Y-%m-%d %H:%M:%S}"}
    response = await client.post("/api/sms/africastalking/local/inbound", data=form)
    assert response.status_code == 200, f"line {act.line}: {response.status_code} {response.text}"


async def answer_prompt(act: Act, runtime: Runtime, number: str) -> None:
    """Lets the worker hand the request to the local rail, and answers what the phone then shows."""
    await handover.ask(runtime)
    prompts = await payment_prompts.list_prompts(runtime, "local", number)
    assert len(prompts) == 1, f"line {act.line}: the phone shows {len(prompts)} prompts"
    await requests.report(runtime, prompts[0].id, paid=act.verb == "pays")


async def pass_days(act: Act, runtime: Runtime) -> None:
    """Lets the worker do what each day brings, one duty after the other."""
    for day in range(act.days - int(act.text) + 1, act.days + 1):
        for turn, duty in enumerate(DUTIES):
            with clock.at(clock.now() + timedelta(days=day, milliseconds=turn)):
                await duty.round(runtime)


def change_prices(monkeypatch: pytest.MonkeyPatch, units: int) -> None:
    more = Money.of_units(units, "KES")
    changed = tuple(
        replace(tariff, bands=tuple(replace(band, fee=band.fee + more) for band in tariff.bands))
        for tariff in tariffs._tariffs()
        if tariff.currency == "KES"
    )
    dear = tuple(
        replace(product, price=product.price + more) for product in products._products() if product.price.currency == "KES"
    )
    monkeypatch.setattr(tariffs, "_tariffs", lambda: changed)
    monkeypatch.setattr(products, "_products", lambda: dear)


async def pass_on(runtime: Runtime, phone: str, owner: str) -> None:
    """The number gets another owner. The one before takes nothing with her: her account has to be empty."""
    before = await profiles.find(runtime, phone)
    if before is not None:
        await closing.close(runtime, before, pins.RIGHT, ENDINGS)
    await registration.register(runtime, phone=phone, name=owner, national_id="22345678", language="en", pin=pins.RIGHT)


async def deliver(runtime: Runtime) -> None:
    """Lets the worker empty the outbox."""
    while await worker.drain(runtime):
        pass
