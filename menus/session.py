"""A conversation with one phone, as far as it has come. It is what Redis keeps between two hops; a PIN is never in it."""

from dataclasses import dataclass

import msgspec

from core.runtime import Runtime
from core.services.customers import Customer


class Session(msgspec.Struct, array_like=True):
    """`slots` fill the placeholders of texts and carry answers from screen to screen; `stack` is what Back returns to."""

    id: str
    phone: str
    language: str
    customer: Customer | None
    screen: str
    stack: list[str] = msgspec.field(default_factory=list)
    slots: dict[str, str] = msgspec.field(default_factory=dict)
    page: int = 0
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    confirmed: int = 0

    @property
    def registered(self) -> Customer:
        """The customer, on screens that only a customer can reach."""
        assert self.customer is not None, f"{self.screen} is shown to somebody who is not registered"
        return self.customer


@dataclass(frozen=True, slots=True)
class Step:
    """What a handler is given. `text` may be a PIN, so it goes to a service and nowhere else.

    `previous_text` is what was typed on the hop before, as the network repeats it: how a repeated PIN is compared without
    the first one being kept. `key` is the same when a hop is sent again: whoever moves money passes it on.
    """

    runtime: Runtime
    session: Session
    text: str
    previous_text: str
    key: str
