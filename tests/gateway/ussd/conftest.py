"""Servers that only some tests need."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis


@pytest.fixture(scope="session")
def debian_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The machine's own redis-server, where it has one."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine: install Debian's package to run the session tests against it too")
    folder = tmp_path_factory.mktemp("redis")
    address = folder / "redis.sock"
    log = Path(folder / "log")
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", address, "--dir", folder, "--save", "", "--appendonly", "no", "--logfile", log]
    )
    url = f"unix://{address}"
    with redis.Redis.from_url(url) as client:
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                time.sleep(0.05)  # between two looks at another process
        else:
            raise AssertionError(f"redis-server did not start: {log.read_text()}")
    yield url
    process.terminate()
    process.wait(10)
