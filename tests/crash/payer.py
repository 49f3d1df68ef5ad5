"""A service that can be killed: pays what its keys stand for, and says so, a line for each payment, once it was told.

`python -m tests.crash.payer NAME COUNT [FAILPOINT NTH]`, with the database's address in JASHO_DATABASE_URL, kills itself with
SIGKILL at the failpoint's NTH time, so that nothing of it can tidy up:

- `before`: a call is about to be sent
- `sent`: the call is on its way, and its answer was not read
- `answered`: the answer was read, and nobody who waits for it was told
- `told`: somebody was told
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn
from unittest import mock

import msgspec
import psycopg
import structlog
from psycopg.pq import TransactionStatus

from core.db import conninfo
from core.ledger import poster
from core.ledger.post import post_on_driver
from core.ledger.transfer import PostingResult, Transfer
from tests.crash import bank

FAILPOINTS = ("before", "sent", "answered", "told")
TELLERS = 32


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody comes here")


def install(failpoint: str, nth: int) -> None:
    """Puts the failpoint into the poster's calls of the database."""
    number = 0

    async def failing(
        driver: "psycopg.AsyncConnection[tuple[object, ...]]",
        transfers: Sequence[Transfer],
        country: str,
        chains: Sequence[int] | None = None,
        **how: Any,
    ) -> list[PostingResult]:
        nonlocal number
        number += 1
        if number < nth:
            return await post_on_driver(driver, transfers, country, chains, **how)
        if failpoint == "before":
            die()
        answering = asyncio.ensure_future(post_on_driver(driver, transfers, country, chains, **how))
        if failpoint == "sent":
            while driver.pgconn.transaction_status != TransactionStatus.ACTIVE:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
        else:
            await answering
        die()

    mock.patch.object(poster, "post_on_driver", failing).start()


async def main(name: str, count: int, failpoint: str, nth: int) -> None:
    if failpoint and failpoint != "told":
        install(failpoint, nth)
    # Warns of each call that it sends again; here that is nothing worth a line.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    lines = 0
    ledger = poster.Poster(conninfo(os.environ["JASHO_DATABASE_URL"]), bank.COUNTRY)

    async def serve(keys: Iterator[str]) -> None:
        nonlocal lines
        for key in keys:
            try:
                receipt = await bank.pay(ledger, key)
            except bank.UNHEARD:
                continue
            # In one write, so that a kill leaves no half of a line.
            os.write(sys.stdout.fileno(), msgspec.json.encode(receipt) + b"\n")
            lines += 1
            if failpoint == "told" and lines == nth:
                die()

    queue = keys(name, count)
    await asyncio.gather(*(serve(queue) for _ in range(TELLERS)))
    await ledger.close()


def keys(name: str, count: int) -> Iterator[str]:
    return (f"{name}n{number}" for number in range(count))


if __name__ == "__main__":
    _name, _count, _failpoint, _nth = [*sys.argv[1:], "", "0"][:4]
    asyncio.run(main(_name, int(_count), _failpoint, int(_nth)))
