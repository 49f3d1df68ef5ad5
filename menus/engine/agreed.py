"""What a customer was shown before her yes: it travels in the session's slots, and the service gets it with her PIN.

A service that would take more, or give the money to somebody else, refuses. A session of a release that did not keep these
answers begins again (MenuChanged).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from core.ledger.refusals import FeeRose
from core.money import Money
from menus.engine.dsl import Outcome, ok
from menus.engine.session import Session


class Quoted(Protocol):
    @property
    def amount(self) -> Money: ...

    @property
    def fee(self) -> Money: ...


def quoted(quote: Quoted) -> Outcome:
    """The outcome `ok` with an amount and its fee, for the screen that shows them and asks for the PIN."""
    return ok(amount=quote.amount, amount_minor=quote.amount.minor, **_fee_slots(quote.fee))


def amount(session: Session) -> Money:
    return Money(int(session.slots["amount_minor"]), session.registered.currency)


def fee(session: Session) -> Money:
    return Money(int(session.slots["fee_minor"]), session.registered.currency)


def recipient_id(session: Session) -> UUID:
    """The customer whose name was shown beside the number."""
    return UUID(session.slots["recipient_id"])


@contextmanager
def fee_shown_again(session: Session) -> Iterator[None]:
    """Where the fee has gone up meanwhile, the screen that asks again shows the one of now."""
    try:
        yield
    except FeeRose as refusal:
        session.slots |= _fee_slots(refusal.fee)
        raise


def _fee_slots(fee: Money) -> dict[str, str]:
    return {"fee": str(fee), "fee_minor": str(fee.minor)}
