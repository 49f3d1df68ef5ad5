"""A conversation with one phone. Redis keeps it between two hops; a PIN is never in it."""

from dataclasses import dataclass

import msgspec

from core.customers.profiles import Customer
from core.runtime import Runtime


class Item(msgspec.Struct, frozen=True, array_like=True):
    """A line of a list to pick from: its text, and its value."""

    label: str
    value: str


class MenuChanged(Exception):
    """The session was begun on the menu of another release, which left no answer that this one needs."""


class Slots(dict[str, str]):
    """Texts by name. One that is not there was not asked for by the release that began the session."""

    def __missing__(self, name: str) -> str:
        raise MenuChanged(name)


class Session(msgspec.Struct, array_like=True):
    """`slots` fill the placeholders of texts and carry answers from screen to screen; Back returns to the screens of `stack`.

    `items` are the lists of Pick screens, by screen. `confirmed` counts the PINs that were right. `left` is an earlier
    conversation that broke off and may be continued. `origin` is what its keys are made of (gateway/ussd/past.py), and the
    first one's where this conversation continues another: what was confirmed there is done once, however often it is
    continued. `heading` stands above the menu, once. `may_be_kept`: Redis may hold something of this phone's that the next
    dial could continue. `abilities` is what the rails can do, and `banner` stands above the first menu; each hop finds them
    out anew. `has_acted`: something may have been done in it. `doubtful_key` is the last key under which something may have
    been done that nobody has heard of.
    """

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
    items: dict[str, list[Item]] = msgspec.field(default_factory=dict)
    origin: str = ""
    left: "Session | None" = None
    heading: str = ""
    may_be_kept: bool = True
    abilities: list[str] = msgspec.field(default_factory=list)
    banner: str = ""
    has_acted: bool = False
    doubtful_key: str = ""

    def __post_init__(self) -> None:
        self.slots = Slots(self.slots)

    @property
    def key(self) -> str:
        """The idempotency key of the next confirmation."""
        return self.keys[-1]

    @property
    def keys(self) -> list[str]:
        """The keys of all confirmations so far, and of one that may have got no answer."""
        return keys_of(self.origin or self.id, self.confirmed + 1)

    @property
    def is_doubtful(self) -> bool:
        """May the next confirmation have been done already?"""
        return self.doubtful_key == self.key

    def doubt(self) -> None:
        """Notes that the next confirmation may have been done already."""
        self.doubtful_key, self.has_acted = self.key, True

    @property
    def registered(self) -> Customer:
        """The customer, on screens that only a customer can reach."""
        assert self.customer is not None, f"{self.screen} is shown to somebody who is not registered"
        return self.customer


def keys_of(origin: str, count: int) -> list[str]:
    """The idempotency keys of the first confirmations of a session with this id, and of those that continue it."""
    return [f"ussd:{origin}:{number}" for number in range(count)]


@dataclass(frozen=True, slots=True)
class Step:
    """What a handler gets. `text` may be a PIN, so it goes to a service and nowhere else.

    `previous_text` is what was typed on the hop before, as the network repeats it: with it a repeated PIN is compared although
    the first one is not kept. `key` is the same when a hop is sent again: a handler that moves money passes it on. `picked` is
    the value of the item that was chosen, on a Pick.
    """

    runtime: Runtime
    session: Session
    text: str
    previous_text: str
    key: str
    picked: str = ""
