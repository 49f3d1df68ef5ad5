"""A hand-made menu of a tea shop: small enough to see through, with one of everything that an engine must be able to do."""

from typing import cast
from uuid import UUID

from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.errors import BadAmount, Busy
from core.ledger.refusals import NotEnoughMoney
from core.runtime import Runtime
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, ok, outcomes
from menus.engine.session import Session, Step

LONG_LIST = "\n".join(f"Tea number {number}, as it is served at noon" for number in range(1, 11))

# What handlers saw when they were called: the screen that the session was on, and its text.
seen: list[tuple[str, str]] = []


@outcomes("ok", BadAmount, NotEnoughMoney, UnknownRecipient, Busy)
async def order(step: Step) -> Outcome:
    """Does what it is told: so that a test can have every outcome."""
    seen.append((step.session.screen, step.text))
    match step.text:
        case "bad":
            raise BadAmount
        case "poor":
            raise NotEnoughMoney(needed="KES 50")
        case "nobody":
            raise UnknownRecipient(phone="0722000111")
        case "busy":
            raise Busy
        case "broken":
            raise ZeroDivisionError
        case "surprise":
            return Outcome("surprise")
    return ok() if step.session.screen == "pay" else ok(cups=step.text)


@outcomes("ok", "empty")
async def look(step: Step) -> Outcome:
    seen.append((step.session.screen, step.text))
    return Outcome("empty") if "empty" in step.session.slots else ok(price="KES 20")


def is_agent(session: Session) -> bool:
    return session.registered.is_agent


SCREENS = (
    Choice(
        "home",
        "Tea shop",
        options=(
            Option("1", "Teas", goto="teas"),
            Option("2", "Price", do=look, goto={"ok": "price", "empty": "closed"}),
            Option("3", "Order", goto="order"),
            Option("4", "Kitchen", goto="kitchen", when=is_agent),
            Option("10", "Leave", goto="gone"),
        ),
    ),
    Choice("teas", LONG_LIST),
    Choice("price", "A cup is {price}."),
    Choice("closed", "No tea today."),
    Choice("kitchen", "The kitchen", options=(Option("1", "Order", goto="order"), Option("2", "Teas", goto="teas"))),
    Ask(
        "order",
        "How many cups?",
        do=order,
        goto={"ok": "pay", "bad_amount": "order", "not_enough": "kitchen", "unknown_recipient": "gone"},
    ),
    Ask("pay", "{cups} cups. PIN?", do=order, goto={"ok": "paid", "bad_amount": "pay", "not_enough": "order"}, secret=True),
    End("paid", "Thank you for {cups}."),
    End("gone", "Nobody is here."),
)


def session(screen: str = "home", *, is_agent: bool = False, language: str = "en", **slots: str) -> Session:
    """A customer's conversation, come as far as `screen`."""
    asha = Customer(UUID(int=1), "+254711000001", "Asha Wanjiku", language, UUID(int=2), "KES", is_agent)
    return Session(id="ATUid_1", phone=asha.phone, language=language, customer=asha, screen=screen, slots=slots)


def step(at: Session, text: str) -> Step:
    """One input. The shop needs no runtime."""
    return Step(cast("Runtime", None), at, text, previous_text="", key="ussd:ATUid_1:0")
