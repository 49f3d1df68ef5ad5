"""What waits for the customer's yes."""

from core.runtime import Runtime
from menus.dsl import Screen
from menus.session import Session

SCREENS: tuple[Screen, ...] = ()


async def offer(runtime: Runtime, session: Session) -> bool:
    """Moves the session to the first thing that waits for a yes; False where nothing does any more."""
    return False
