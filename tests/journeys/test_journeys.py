"""Plays every journey in this folder against the real callback, PostgreSQL and Redis."""

from pathlib import Path

import httpx
import pytest

from core import phones
from core.runtime import Runtime
from core.septets import SCREEN_SEPTETS, count, foreign
from core.services import demo, notices
from gateway import worker
from tests.journeys import transcript
from tests.journeys.transcript import Act, Wrong
from tests.phone import Phone, Screen

JOURNEYS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda path: path.stem)
async def test_a_customer_sees_what_the_journey_says(journey: Path, client: httpx.AsyncClient, runtime: Runtime) -> None:
    callers: dict[str, Phone] = {}
    await deliver(runtime)
    read = {person.phone: len(await notices.inbox(runtime, person.phone)) for person in demo.PEOPLE}
    for act in transcript.read(journey):
        number = phones.parse(act.phone, "KE")
        caller = callers.setdefault(number, Phone(client, number))
        if act.verb == "gets":
            await check_sms(act, runtime, number, read)
        else:
            check_screen(journey, act, await (caller.dial(act.text) if act.verb == "dials" else caller.type(act.text)))


def check_screen(journey: Path, act: Act, screen: Screen) -> None:
    where = f"{journey.name}:{act.line}"
    assert count(screen.text) <= SCREEN_SEPTETS, f"{where}: the screen is too long"
    assert not foreign(screen.text), f"{where}: {foreign(screen.text)!r} is not in the phone's alphabet"
    if not transcript.matches("\n".join(act.screen), screen.text) or act.is_open is not screen.is_open:
        bar = "|" if screen.is_open else "||"
        shown = "\n".join(f"{bar} {line}" for line in screen.text.split("\n"))
        raise Wrong(f"{where}: after `{act.verb} {act.text}` the phone shows\n{shown}")


async def check_sms(act: Act, runtime: Runtime, number: str, read: dict[str, int]) -> None:
    await deliver(runtime)
    inbox = list(reversed(await notices.inbox(runtime, number)))
    position = read.get(number, 0)
    read[number] = position + 1
    assert len(inbox) > position, f"line {act.line}: no SMS has arrived"
    assert transcript.matches(act.text, inbox[position].body), f"line {act.line}: the SMS says\n{inbox[position].body}"
    assert count(inbox[position].body) <= SCREEN_SEPTETS, f"line {act.line}: the SMS is longer than one part"


async def deliver(runtime: Runtime) -> None:
    """Lets the worker empty the outbox."""
    while await worker.drain(runtime):
        pass
