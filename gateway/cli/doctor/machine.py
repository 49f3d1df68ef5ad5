"""This machine: descriptors, disk, and its clock beside those of the servers."""

import resource
import shutil
from datetime import UTC, datetime

import psycopg
from redis.asyncio import Redis

from core import clock
from core.db import conninfo
from core.settings import Settings
from gateway.cli import embedded
from gateway.cli.doctor.finding import Finding, weak, well, wrong

_FEWEST_FILES = 1024
_LEAST_FREE_BYTES = 2 * 1024**3
_SKEW_SECONDS, _MOST_SKEW_SECONDS = 2.0, 30.0


async def files(settings: Settings) -> Finding:
    """How many connections and files a process may have open."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _FEWEST_FILES:
        return wrong(settings, f"a process may open {most} files", f"allow {_FEWEST_FILES} or more (ulimit -n)")
    return well("enough")


async def disk(settings: Settings) -> Finding:
    """Room where the local data are. Of a server elsewhere this machine sees no disk."""
    if not embedded.serves(settings.database_url):
        return well("the database is elsewhere: watch its disk there")
    free = shutil.disk_usage(embedded.FOLDER).free
    seen = f"{free // 1024**2} MB free"
    return well(seen) if free >= _LEAST_FREE_BYTES else weak(seen, "make room: a full disk stops the database")


async def clocks(settings: Settings) -> Finding:
    """Codes, sessions and heartbeats compare what one machine wrote with what another one reads."""
    async with await psycopg.AsyncConnection.connect(conninfo(settings.database_url)) as connection:
        row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
    assert row is not None
    database = abs((clock.now() - row[0]).total_seconds())
    async with Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=2) as redis:
        seconds, microseconds = await redis.time()
    other = abs((clock.now() - datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)).total_seconds())
    seen = f"database {database:.1f} s and Redis {other:.1f} s beside this machine"
    if max(database, other) > _MOST_SKEW_SECONDS:
        return wrong(settings, seen, "set the clocks (NTP)")
    return weak(seen, "set the clocks (NTP)") if max(database, other) > _SKEW_SECONDS else well(seen)
