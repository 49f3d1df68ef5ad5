"""One phone's hops come one after the other; one that waits too long for its turn says so, and does nothing."""

from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from core.customers import profiles, wallet
from core.runtime import Runtime
from gateway.ussd import sessions
from gateway.ussd.road import STILL_WORKING
from gateway.ussd.sessions import Sessions, TurnNotFree
from tests import pins
from tests.phone import Phone

ASHA = "+254711000001"
TURN = f"ussd:{{{ASHA}}}:turn"


async def balance_minor(runtime: Runtime) -> int:
    asha = await profiles.find(runtime, ASHA)
    assert asha is not None
    return (await wallet.get_balance(runtime, asha)).minor


async def test_a_hop_that_never_gets_its_turn_says_that_one_is_at_work_and_moves_nothing(
    phone: Callable[[str], Phone], runtime: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = phone(ASHA)
    await asha.dial("*384*96*4*0722000002*500#")
    async with Redis.from_url(redis_url) as redis:
        await redis.set(TURN, b"of another hop", px=20_000)
        with monkeypatch.context() as patched:
            patched.setattr(sessions, "_PATIENCE_SECONDS", 0.0)
            busy = await asha.type(pins.RIGHT)
        assert busy.text.startswith(STILL_WORKING)
        assert not busy.is_open
        assert await balance_minor(runtime) == 1_250_000
        assert await redis.get(TURN) == b"of another hop", "it took the turn of the hop that is at work"
        await redis.delete(TURN)
    assert "confirmed" in (await asha.send_again()).text
    assert await balance_minor(runtime) == 1_250_000 - 50_700


async def test_a_turn_that_is_taken_is_nobody_elses(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_PATIENCE_SECONDS", 0.0)
    async with Redis.from_url(redis_url) as redis:
        await redis.flushdb()
        assert (await Sessions(redis).open(ASHA)).stored is None
        with pytest.raises(TurnNotFree):
            await Sessions(redis).open(ASHA)
        await Sessions(redis).open("+254711000009")
