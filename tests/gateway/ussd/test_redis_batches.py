"""What becomes of a hop's question to Redis where there is no answer."""

import asyncio
import socket

import pytest
from redis import RedisError
from redis.asyncio import Redis

from core.faults import describe
from gateway.ussd import redis_batches
from gateway.ussd.redis_batches import Batches


async def test_a_redis_that_is_silent_is_not_taken_for_a_database_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a freeze of Redis in the middle of a hop is logged as an outage of PostgreSQL."""
    monkeypatch.setattr(redis_batches, "_EXCHANGE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis = Redis(host="127.0.0.1", port=silent.getsockname()[1])
        batches = Batches(redis)
        results = await asyncio.gather(*(batches.run(("GET", "x")) for _ in range(3)), return_exceptions=True)
        await redis.aclose()
    assert [isinstance(result, RedisError) for result in results] == [True, True, True]
    assert "TimeoutError at gateway/ussd/redis_batches.py" in describe(results[0])  # type: ignore[arg-type]
