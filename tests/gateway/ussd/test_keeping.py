"""Redis keeps of a phone what is written down, and not for longer."""

import re
from collections.abc import Callable

from redis.asyncio import Redis

from core.retention.keeping import IN_REDIS
from gateway.ussd import heartbeat, sessions
from gateway.ussd.sessions import Sessions
from tests.phone import Phone

ASHA = "+254711000001"


async def test_every_key_in_redis_ends_by_itself(phone: Callable[[str], Phone], redis_url: str) -> None:
    asha = phone(ASHA)
    await asha.dial()
    await asha.type("1")
    async with Redis.from_url(redis_url) as redis:
        # As a hop that is at work has it.
        await Sessions(redis).open(ASHA)
        keys = [key.decode() async for key in redis.scan_iter()]
        left = {formed(key): await redis.pttl(key) / 1000 for key in keys}
    assert (
        {"ussd:{phone}:session", "ussd:{phone}:turn", "ussd:{phone}:begun", "ussd:{phone}:past"} <= left.keys() <= IN_REDIS.keys()
    )
    assert [key for key, seconds in left.items() if not 0 < seconds <= IN_REDIS[key]] == []


def formed(key: str) -> str:
    return re.sub(r"process:[0-9a-f]+$", "process:{name}", re.sub(r"\{[^}]+\}", "{phone}", key))


def test_the_list_has_the_times_that_the_sessions_have() -> None:
    assert list(IN_REDIS.values()) == [
        sessions.TTL_SECONDS,
        sessions.RESUME_SECONDS,
        sessions._TURN_SECONDS,
        sessions.RESUME_SECONDS,
        sessions.PAST_SECONDS,
        heartbeat.LIVES_SECONDS,
    ]
