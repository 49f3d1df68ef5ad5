"""Turns switches as staff do, and lets a process see it at once instead of within seconds."""

from uuid import UUID

import pytest

from core.hashing import PinHasher
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


def turn_off_at_the_pin(runtime: Runtime, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff turn it off in the moment in which the customer's PIN is compared."""
    matches = PinHasher.matches

    async def turn(hasher: PinHasher, hashed: str, pin: str, customer_id: UUID) -> bool:
        await turn_off(runtime, name)
        return await matches(hasher, hashed, pin, customer_id)

    monkeypatch.setattr(PinHasher, "matches", turn)
