"""Group commit: transfers that many requests submit at the same time share one call and one commit.

A transfer that comes while a batch is under way joins the next batch; a lone transfer leaves at once. A few lanes work side by
side, so that one prepares while the other's commit is written to disk. The queue is bounded: the next transfer is refused at
once.

A row that somebody else keeps locked holds up only those who need it. After 100 ms, or a deadlock, nothing of the batch was
done; it is sent again past such rows, on another stripe of the service's accounts. Whoever was passed over goes on in a line of
their own, as does everybody who needs the same accounts meanwhile, and is refused as busy after 5 s. That line is sent past
locked rows too, every 30 ms, so that it keeps no row while it waits. In one round of eight it does wait, for its turn at a row
that is never free otherwise.

When a connection is lost nobody knows whether its batch was committed. The lane then sends the batch again on a new connection,
under the same keys: the ledger finds what was done and does what was not. Only then does a request get its result. When a batch
fails for another reason, each submission is posted by itself, so that a poisoned one takes no neighbour down.

Busy says that nothing was done and never will be. A lost call may keep its rows locked and be committed late, so whoever was in
one gets its error instead. A request that has given up is dropped before each repetition: whoever was told that it may not have
been done asks again.
"""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import structlog

from core.deadline import within
from core.errors import Busy
from core.faults import describe, is_away, reached
from core.ledger.chart import STRIPES
from core.ledger.post import LOCK_WAIT_MS, NOTHING_DONE, check_clock, post_on_driver, tell
from core.ledger.refusals import ClockWrong
from core.ledger.transfer import PostingResult, Transfer
from core.refusing import refuses

_MOST_WAITING = 10_000
_MOST_TOGETHER = 256
_LANES = 2
_RESOLVE_SECONDS = 5.0
_CONNECT_SECONDS = 3.0
_CALL_SECONDS = 6.0
_AGAIN_SECONDS = 0.1
_HELD_UP_SECONDS = 5.0
_PAUSE_SECONDS = 0.03
_ROUNDS = 8

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Submission:
    """One transfer or one chain, and the future that its request waits for."""

    transfers: Sequence[Transfer]
    results: "asyncio.Future[list[PostingResult]]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    # When it is refused, by the loop's clock, once a row that it needs was locked.
    refused_at_seconds: float = math.inf
    is_passed_over: bool = False
    # What cut off a call that it was in.
    lost: Exception | None = None

    @property
    def is_over(self) -> bool:
        """It has its results, or its request has given up meanwhile (a deadline, a disconnect)."""
        return self.results.done()

    def list_accounts(self) -> set[UUID]:
        """Those of people. The service's own have stripes, of which the next call takes another."""
        movers = [mover for transfer in self.transfers for mover in (transfer, transfer.settles) if mover is not None]
        people = {leg.account for mover in movers for leg in mover.legs if isinstance(leg.account, UUID)}
        return people | {mover.initiator for mover in movers}


class Poster:
    """`conninfo` is libpq's. Nothing is connected before the first transfer."""

    def __init__(self, conninfo: str, country: str, *, most_waiting: int = _MOST_WAITING, lanes: int = _LANES) -> None:
        self._country = country
        self._most_waiting = most_waiting
        self._line = _Line([_Lane(conninfo) for _ in range(lanes)])
        self._held_up = _Line([_Lane(conninfo)])
        self._rounds = 0
        # How many of those that are held up need it.
        self._locked: Counter[UUID] = Counter()
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
        while self._tasks:
            await asyncio.wait(self._tasks)
        for lane in (*self._line.lanes, *self._held_up.lanes):
            await lane.hang_up()

    async def _submit(self, transfers: Sequence[Transfer]) -> list[PostingResult]:
        if len(self._line.waiting) + len(self._held_up.waiting) >= self._most_waiting:
            raise Busy
        submission = _Submission(transfers)
        reached.hand_over()
        if self._is_held_up(submission):
            self._hold_up(submission)
        else:
            self._add(submission, self._line)
        results = await submission.results
        tell(transfers, results)
        return results

    def _add(self, submission: _Submission, line: "_Line") -> None:
        line.waiting.append(submission)
        if line.idle:
            # Not in the first request's context: its ids would stand in the lines of every batch.
            task = asyncio.create_task(self._work(line, line.idle.pop()), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _is_held_up(self, submission: _Submission) -> bool:
        return bool(self._locked) and not self._locked.keys().isdisjoint(submission.list_accounts())

    def _hold_up(self, submission: _Submission) -> None:
        """Until the row is free, or for as long as its request can be expected to wait."""
        now_seconds = asyncio.get_running_loop().time()
        if submission.refused_at_seconds == math.inf:
            submission.refused_at_seconds = now_seconds + _HELD_UP_SECONDS
            accounts = submission.list_accounts()
            self._locked.update(accounts)
            submission.results.add_done_callback(lambda _: self._let_go(accounts))
        if submission.is_over:
            return
        if now_seconds < submission.refused_at_seconds:
            self._add(submission, self._held_up)
        else:
            log.warning("a transfer gives up on a locked account", transfers=len(submission.transfers))
            submission.results.set_exception(submission.lost or Busy())

    def _let_go(self, accounts: set[UUID]) -> None:
        self._locked.subtract(accounts)
        for account in accounts:
            if not self._locked[account]:
                del self._locked[account]

    async def _work(self, line: "_Line", lane: "_Lane") -> None:
        try:
            while line.waiting:
                batch = line.waiting[:_MOST_TOGETHER]
                del line.waiting[:_MOST_TOGETHER]
                await (self._try_again(lane, batch) if line is self._held_up else self._try(lane, batch))
        finally:
            line.idle.append(lane)

    async def _try(self, lane: "_Lane", batch: list[_Submission]) -> None:
        # Those too who came before the row was locked.
        held_up = [submission for submission in batch if self._is_held_up(submission)]
        for submission in held_up:
            batch.remove(submission)
            self._hold_up(submission)
        await self._post(lane, batch)

    async def _try_again(self, lane: "_Lane", batch: list[_Submission]) -> None:
        self._rounds += 1
        patient = [submission for submission in batch if submission.is_passed_over and self._rounds % _ROUNDS == 0]
        await self._post(lane, [submission for submission in batch if submission not in patient], wait_ms=0)
        await self._post(lane, patient)
        if any(not submission.is_over for submission in batch):
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _post(self, lane: "_Lane", batch: list[_Submission], wait_ms: int = LOCK_WAIT_MS) -> None:
        try:
            batch, results = await self._call(lane, batch, wait_ms)
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests get it
            if len(batch) == 1 or isinstance(error, psycopg.OperationalError | ClockWrong) or is_away(error):
                for submission in batch:
                    if not submission.is_over:
                        # An earlier call of it may still be committed.
                        submission.results.set_exception(submission.lost or error)
                return
            log.warning("a batch is taken apart", error=describe(error), submissions=len(batch))
            for submission in batch:
                await self._post(lane, [submission], wait_ms=0)
            return
        begin = 0
        for submission in batch:
            end = begin + len(submission.transfers)
            if any(result.outcome == "busy" for result in results[begin:end]):
                submission.is_passed_over = True
                self._hold_up(submission)
            elif not submission.is_over:
                submission.results.set_result(results[begin:end])
            begin = end

    async def _call(self, lane: "_Lane", batch: list[_Submission], wait_ms: int) -> tuple[list[_Submission], list[PostingResult]]:
        """Which of the batch were still wanted when it was sent last, and the results of their transfers."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _RESOLVE_SECONDS
        stripe = random.randrange(STRIPES)  # noqa: S311 - spreads load, guards nothing
        while True:
            batch, transfers = _wanted(batch)
            if not batch:
                return [], []
            try:
                driver = await lane.connected()
                await within(_CALL_SECONDS, check_clock(driver))
                # Both may take their time. Whoever has given up meanwhile is not paid for, since she may ask again.
                batch, transfers = _wanted(batch)
                if not batch:
                    return [], []
                posting = post_on_driver(driver, transfers, self._country, _chains(batch), stripe=stripe, wait_ms=wait_ms)
                return batch, await within(_CALL_SECONDS, posting)
            except (psycopg.OperationalError, OSError) as error:
                is_first = isinstance(error, NOTHING_DONE) and wait_ms > 0
                if not isinstance(error, NOTHING_DONE):
                    for submission in batch if lane.driver is not None else ():
                        submission.lost = error
                    await lane.hang_up()
                if loop.time() > deadline:
                    raise
                if is_first:
                    log.info("a batch is sent past locked rows", error=describe(error), transfers=len(transfers))
                    stripe, wait_ms = (stripe + random.randrange(1, STRIPES)) % STRIPES, 0  # noqa: S311
                else:
                    log.warning("a batch is sent again", error=describe(error), transfers=len(transfers))
                    await asyncio.sleep(_AGAIN_SECONDS)


def _wanted(batch: Sequence[_Submission]) -> tuple[list[_Submission], list[Transfer]]:
    """Those that somebody waits for still, and their transfers."""
    wanted = [submission for submission in batch if not submission.is_over]
    return wanted, [transfer for submission in wanted for transfer in submission.transfers]


def _chains(batch: Sequence[_Submission]) -> list[int] | None:
    """A number for each transfer: its submission's where that is a chain, else 0. None where no submission is one."""
    if not any(len(submission.transfers) > 1 for submission in batch):
        return None
    return [
        number if len(submission.transfers) > 1 else 0
        for number, submission in enumerate(batch, start=1)
        for _ in submission.transfers
    ]


class _Line:
    """Submissions that wait for a lane, in their order, and the lanes that serve them."""

    def __init__(self, lanes: "list[_Lane]") -> None:
        self.waiting: list[_Submission] = []
        self.lanes = lanes
        self.idle = list(lanes)


class _Lane:
    """One connection, made when it is needed."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self.driver: psycopg.AsyncConnection[tuple[object, ...]] | None = None

    async def connected(self) -> "psycopg.AsyncConnection[tuple[object, ...]]":
        if self.driver is None or self.driver.closed:
            self.driver = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, connect_timeout=int(_CONNECT_SECONDS)
            )
        return self.driver

    async def hang_up(self) -> None:
        if self.driver is not None:
            driver, self.driver = self.driver, None
            await driver.close()
