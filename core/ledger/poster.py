"""Group commit: transfers that many requests submit at the same time share one call and one commit.

A transfer that comes while a batch is under way joins the next batch; a lone transfer leaves at once. A few lanes work side by
side, so that one prepares while the other's commit is written to disk. The queue is bounded: the next transfer is refused at
once.

When a connection is lost nobody knows whether its batch was committed. The lane then sends the batch again on a new connection,
under the same keys: the ledger finds what was done and does what was not. Only then does a request get its result. When a batch
fails for another reason, each submission is posted by itself, so that a poisoned one takes no neighbour down.
"""

import asyncio
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field

import psycopg
import structlog

from core.deadline import within
from core.errors import Busy
from core.faults import describe
from core.ledger.post import post_on_driver, tell
from core.ledger.transfer import PostingResult, Transfer
from core.refusing import refuses

_MOST_WAITING = 10_000
_MOST_TOGETHER = 256
_LANES = 2
_RESOLVE_SECONDS = 5.0
_CONNECT_SECONDS = 3.0
_CALL_SECONDS = 6.0
_AGAIN_SECONDS = 0.1
# After a deadlock or a lock timeout nothing was done, and a second try may succeed.
_WORTH_ANOTHER_TRY = (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable, psycopg.errors.SerializationFailure)

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Submission:
    """One transfer or one chain, and the future that its request waits for."""

    transfers: Sequence[Transfer]
    results: "asyncio.Future[list[PostingResult]]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Poster:
    """`conninfo` is libpq's. Nothing is connected before the first transfer."""

    def __init__(self, conninfo: str, country: str, *, most_waiting: int = _MOST_WAITING, lanes: int = _LANES) -> None:
        self._conninfo = conninfo
        self._country = country
        self._most_waiting = most_waiting
        self._waiting: list[_Submission] = []
        self._idle: list[_Lane] = [_Lane(conninfo) for _ in range(lanes)]
        self._lanes = list(self._idle)
        self._tasks: set[asyncio.Task[None]] = set()

    @refuses(Busy)
    async def submit(self, transfer: Transfer) -> PostingResult:
        """Posts one transfer. Raises psycopg.OperationalError or TimeoutError where nobody can tell what became of it."""
        [result] = await self._submit([transfer])
        return result

    @refuses(Busy)
    async def submit_chain(self, transfers: Sequence[Transfer]) -> list[PostingResult]:
        """Posts all of the transfers or none."""
        return await self._submit(transfers)

    async def close(self) -> None:
        """Waits for the batches under way, then closes the connections."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        for lane in self._lanes:
            await lane.hang_up()

    async def _submit(self, transfers: Sequence[Transfer]) -> list[PostingResult]:
        if len(self._waiting) >= self._most_waiting:
            raise Busy
        submission = _Submission(transfers)
        self._waiting.append(submission)
        if self._idle:
            self._start(self._idle.pop())
        results = await submission.results
        tell(transfers, results)
        return results

    def _start(self, lane: "_Lane") -> None:
        # Not in the first request's context: its ids would stand in the lines of every batch.
        task = asyncio.create_task(self._work(lane), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, lane: "_Lane") -> None:
        try:
            while self._waiting:
                batch = self._waiting[:_MOST_TOGETHER]
                del self._waiting[:_MOST_TOGETHER]
                # A request that has given up meanwhile (a deadline, a disconnect) has nothing posted for it.
                batch = [submission for submission in batch if not submission.results.done()]
                if batch:
                    await self._post(lane, batch)
        finally:
            self._idle.append(lane)

    async def _post(self, lane: "_Lane", batch: list[_Submission]) -> None:
        transfers = [transfer for submission in batch for transfer in submission.transfers]
        chains = None
        if any(len(submission.transfers) > 1 for submission in batch):
            chains = [
                number if len(submission.transfers) > 1 else 0
                for number, submission in enumerate(batch, start=1)
                for _ in submission.transfers
            ]
        try:
            results = await self._call(lane, transfers, chains)
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests get it
            if len(batch) == 1 or isinstance(error, psycopg.OperationalError | OSError):
                for submission in batch:
                    if not submission.results.done():
                        submission.results.set_exception(error)
                return
            log.warning("a batch is taken apart", error=describe(error), transfers=len(transfers))
            for submission in batch:
                if not submission.results.done():
                    await self._post(lane, [submission])
            return
        begin = 0
        for submission in batch:
            end = begin + len(submission.transfers)
            if not submission.results.done():
                submission.results.set_result(results[begin:end])
            begin = end

    async def _call(self, lane: "_Lane", transfers: list[Transfer], chains: list[int] | None) -> list[PostingResult]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _RESOLVE_SECONDS
        while True:
            try:
                return await within(_CALL_SECONDS, post_on_driver(await lane.connected(), transfers, self._country, chains))
            except (psycopg.OperationalError, OSError) as error:
                if not isinstance(error, _WORTH_ANOTHER_TRY):
                    await lane.hang_up()
                if loop.time() > deadline:
                    raise
                log.warning("a batch is sent again", error=describe(error), transfers=len(transfers))
                await asyncio.sleep(_AGAIN_SECONDS)


class _Lane:
    """One connection, made when it is needed."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._driver: psycopg.AsyncConnection[tuple[object, ...]] | None = None

    async def connected(self) -> "psycopg.AsyncConnection[tuple[object, ...]]":
        if self._driver is None or self._driver.closed:
            self._driver = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, connect_timeout=int(_CONNECT_SECONDS)
            )
        return self._driver

    async def hang_up(self) -> None:
        if self._driver is not None:
            driver, self._driver = self._driver, None
            await driver.close()
