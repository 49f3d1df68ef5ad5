"""Rails: how money comes in from other operators' networks, and goes out to them.

A rail only accepts orders here. Whether the money moved, it reports later to `core.payments.requests.report`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from core.i18n import _
from core.money import Money


@dataclass(frozen=True, slots=True)
class Network:
    """`title` is what customers call it. Statements call a deposit `words_in` and a withdrawal `words_out`."""

    title: str
    words_in: str
    words_out: str


# By the kind of its rails. The ledger's kinds of transfer are made from these names and stay in its history: never rename one.
NETWORKS = {"mpesa": Network("M-Pesa", words_in=_("From M-Pesa"), words_out=_("To M-Pesa"))}


class RailRefused(Exception):
    """The rail will not carry out the order, and has never done so, however often it was asked under the order's id.

    Not for a doubtful answer: an id that the rail knows already is an order that it has accepted.
    """


class Ability(StrEnum):
    """What a rail can do: collect money from a phone's owner, and pay out to her."""

    COLLECT = "collect"
    PAY_OUT = "pay_out"


@dataclass(frozen=True, slots=True)
class Order:
    """`id` is ours, and stays the same however often the rail is asked. `phone` (E.164) is the customer's."""

    id: UUID
    phone: str
    amount: Money


class Rail(Protocol):
    """A way to one network. After a doubtful answer or a crash it is asked again, so it carries out each id at most once.

    To return means that the rail has accepted the order, not that money has moved. Raises RailRefused. After any other error, and
    after silence, it is open whether the rail has accepted the order.
    """

    @property
    def name(self) -> str:
        """Its name in the rows of `payment`."""

    @property
    def kind(self) -> str:
        """A key of NETWORKS. The ledger's kinds of transfer are made from it: `mpesa_in`, `mpesa_out`."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can do."""

    async def collect(self, order: Order) -> None:
        """Asks the phone's owner to pay the amount in."""

    async def pay_out(self, order: Order) -> None:
        """Pays the amount to the phone's owner."""


def list_abilities(rails: Iterable[Rail]) -> list[Ability]:
    """What these rails can do together. What none can do is offered to nobody."""
    return sorted({ability for rail in rails for ability in rail.abilities})
