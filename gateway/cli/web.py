"""The web server as `jasho serve` runs it: uvicorn, with bounds on what a caller may take of it."""

import uvicorn

from core.settings import trusted_proxies
from gateway import logs
from gateway.connection import Connection

# Those who wait to be taken on are taken on at once, so there may be no more of them than there are files left.
_MOST_WAITING = 128


def serve(host: str, port: int, *, workers: int, with_worker: bool) -> None:
    """Serves until it is told to stop. Each process reads its settings from the environment."""
    uvicorn.run(
        "gateway.app:create" if with_worker else "gateway.app:create_without_worker",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http=Connection,
        ws="none",
        backlog=_MOST_WAITING,
        # No request inherits the log's ids of the task that took its connection on.
        reset_contextvars=True,
        timeout_keep_alive=5,
        # uvicorn would believe whoever calls from this machine.
        forwarded_allow_ips=trusted_proxies(),
        # The callback's address holds its secret.
        access_log=False,
        log_config=logs.WEB_SERVER,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
