"""The rail of a developer's machine: a prompt on the simulated phone, and somebody who answers it there."""

from core.rail import Ability, Order

NAME = "local"


class LocalRail:
    """Plays M-Pesa. It takes every order on at once, and has nobody to send it to: the prompt is the payment's own row."""

    name = NAME
    kind = "mpesa"
    abilities = frozenset(Ability)

    async def collect(self, order: Order) -> None:
        """Nothing to send."""

    async def pay_out(self, order: Order) -> None:
        """Nothing to send."""
