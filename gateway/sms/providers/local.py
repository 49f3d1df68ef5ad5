"""The provider of a machine without one: messages arrive at once, in the simulator's inbox."""

from collections.abc import Sequence

from core.services.notices import Message

NAME = "local"


async def send(messages: Sequence[Message]) -> None:
    """Nothing to carry: the inbox reads the outbox's delivered rows."""
