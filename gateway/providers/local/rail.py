"""The rail of a developer's machine: a prompt on the simulated phone, which somebody answers there."""

from core.rail import Ability, Order

NAME = "local"


class LocalRail:
    """Plays M-Pesa. It takes on every order at once and sends it to nobody: the payment's own row is the prompt."""

    name = NAME
    kind = "mpesa"
    abilities = frozenset(Ability)

    async def collect(self, order: Order) -> None:
        """Nothing to send."""

    async def pay_out(self, order: Order) -> None:
        """Nothing to send."""
