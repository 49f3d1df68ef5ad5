"""What Redis says of itself. It keeps the sessions of people who are dialling, and no money."""

from redis.asyncio import Redis

from core.settings import Settings
from gateway.cli.doctor.finding import Finding, weak, well


async def answers(redis: Redis, _: Settings) -> Finding:
    """Which version answers."""
    return well(f"version {(await redis.info('server'))['redis_version']}")


async def memory(redis: Redis, _: Settings) -> Finding:
    """What happens when it is full."""
    info = await redis.info("memory")
    policy, most = info["maxmemory_policy"], int(info["maxmemory"])
    if not most:
        return weak("maxmemory is not set", "set it: a flood would take the machine's memory")
    if policy == "noeviction":
        return weak("maxmemory-policy is noeviction", "set volatile-ttl: full, it would let nobody dial")
    return well(f"{most // 1024**2} MB, {policy}")


async def persistence(redis: Redis, _: Settings) -> Finding:
    """Are sessions written to a disk?"""
    info = await redis.info("persistence")
    if int(info.get("aof_enabled", 0)):
        return weak("appendonly is on", "turn it off: sessions live minutes, and need no disk and no copy")
    return well("appendonly is off")


CHECKS = {"redis": answers, "redis memory": memory, "redis persistence": persistence}
