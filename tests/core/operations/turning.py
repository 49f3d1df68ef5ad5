"""Turns switches as staff do, and lets a process see it at once instead of within seconds."""

from core.operations import board
from core.operations.switches import Switches
from core.runtime import Runtime
from core.staff import Staff


async def turn_off(runtime: Runtime, name: str) -> None:
    await _turn(runtime, name, is_off=True)


async def turn_on(runtime: Runtime, name: str) -> None:
    await _turn(runtime, name, is_off=False)


async def _turn(runtime: Runtime, name: str, *, is_off: bool) -> None:
    await board.turn(runtime.database, name, is_off=is_off, by=Staff("Neema"), why="a test")
    refresh(runtime.switches)
    await runtime.switches.look()
    assert runtime.switches.is_off(name) is is_off


def refresh(seen: Switches) -> None:
    """As if it had not looked for a while."""
    seen._next_seconds = seen._seen_seconds = float("-inf")
    seen._looking = None
