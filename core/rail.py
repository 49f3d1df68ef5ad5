"""Rails: how money comes in from, and goes out to, other operators' networks.

A rail is only ever asked here; what became of it comes later, by another way, to `core.payments.requests.report`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from core.i18n import _
from core.money import Money


@dataclass(frozen=True, slots=True)
class Network:
    """What customers call it, and a payment from it and to it in their statements."""

    title: str
    came: str
    went: str


# By the kind that rails have. The journal's kinds are made from it, and history keeps them: none is ever renamed.
NETWORKS = {"mpesa": Network("M-Pesa", came=_("From M-Pesa"), went=_("To M-Pesa"))}


class RailRefused(Exception):
    """The order will not be carried out and never has been, whatever was asked under its id before. Not for anything in doubt:
    that an id is known already means that the order was taken on."""


class Ability(StrEnum):
    """What a rail can do: ask a phone's owner to pay in, and pay out to her."""

    COLLECT = "collect"
    PAY_OUT = "pay_out"


@dataclass(frozen=True, slots=True)
class Order:
    """`id` is ours and stays the same however often the order is asked for; `phone` is E.164, of whoever pays or is paid."""

    id: UUID
    phone: str
    amount: Money


class Rail(Protocol):
    """A network. An order is asked for again after a doubt or a crash, so a rail carries out each id once at most.

    Returning means that the order was taken on, not that money has moved. Raises RailRefused; any other error, and silence, is
    ambiguous: nobody knows whether the order was taken on.
    """

    @property
    def name(self) -> str:
        """What rows call it."""

    @property
    def kind(self) -> str:
        """A key of NETWORKS: which network it reaches. The journal's kinds are made from it: `mpesa_in`, `mpesa_out`."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can be asked for."""

    async def collect(self, order: Order) -> None:
        """Asks the phone's owner to pay the amount in."""

    async def pay_out(self, order: Order) -> None:
        """Pays the amount to the phone's owner."""
