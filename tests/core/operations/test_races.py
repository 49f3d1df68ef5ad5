"""Two members of staff at one switch."""

import pytest

from core.operations import board
from core.operations.board import Change
from core.runtime import Runtime
from core.staff import Staff
from tests.core.counter import one
from tests.races import race


@pytest.mark.race("core/operations/board.py:_LOCK")
async def test_the_later_of_two_learns_what_the_first_has_done_and_why(runtime: Runtime) -> None:
    turns = (board.turn(runtime.database, "send", is_off=True, by=Staff(name), why=name) for name in ("Neema", "Juma"))
    first, second = await race(runtime, "SELECT pg_advisory_xact_lock(hashtext('jasho switches'))", *turns)
    assert first is None
    assert isinstance(second, Change)
    assert (second.by, second.why) == ("Neema", "Neema")
    assert await one(runtime, "SELECT count(*) FROM switch_change") == "1"
