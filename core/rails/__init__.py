"""Rails: how money comes in from, and goes out to, other operators' networks (M-Pesa first).

A rail is only ever asked here; what became of it comes later, by another way, to `core.services.payments.report`.
"""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from core.money import Money


class RailRefused(Exception):
    """The order will not be carried out and never has been, whatever was asked under its id before. Not for anything in doubt:
    that an id is known already means that the order was taken on."""


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

    async def collect(self, order: Order) -> None:
        """Asks the phone's owner to pay the amount in."""

    async def pay_out(self, order: Order) -> None:
        """Pays the amount to the phone's owner."""
