"""The provider of a machine without one: messages arrive at once, in the simulator's inbox."""

from core.messaging import outbox
from core.runtime import Runtime

NAME = "local"
_MOST_AT_ONCE = 100


async def deliver(runtime: Runtime) -> int:
    """Delivers one batch and returns how many there were. Nothing is sent: the inbox shows the outbox's delivered rows."""
    return await outbox.hand_over(runtime, _MOST_AT_ONCE, NAME)
