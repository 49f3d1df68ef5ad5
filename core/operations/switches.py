"""What is switched off, as a process knows it: read every two seconds while somebody asks, and known at once in between.

Nobody's work waits for it, but where the process has not looked for four seconds. Where the database does not answer, what was
seen last stands, and a process that has seen nothing yet takes everything for on.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from contextvars import Context
from time import monotonic

import structlog

from core import clock
from core.db import Database
from core.deadline import within
from core.faults import describe, is_away
from core.faults.outage import Outage
from core.operations import board
from core.operations.board import Board

_REST_SECONDS = 2.0
# Older than this, somebody who asks waits for the next look, so that a change is obeyed within 5 s.
_OLD_SECONDS = 4.0
_WAIT_SECONDS = 1.0
_MOST_WAITS = 2
# A connection that has answered before answers at once, or is dead. A new one may take its time.
_KEPT_SECONDS = 0.5
_READ_SECONDS = 2.0
# Silent connections of an outage of hours: whoever waited at an older one has given up long since.
_MOST_LEFT = 8

log = structlog.get_logger()


def rail(name: str) -> str:
    """The name of a rail's switch."""
    return f"rail:{name}"


def provider(name: str) -> str:
    """The name of the switch of a provider of SMS."""
    return f"provider:{name}"


USSD, SMS, SIMULATOR = "channel:ussd", "channel:sms", "channel:simulator"
CHANNELS = (USSD, SMS, SIMULATOR)


class Switches:
    """It has a connection of its own, so that it takes none from customers. Nothing is connected until somebody asks.

    `customers`: where the server has no room for its own connection, it asks over one of theirs.
    `lacking`: the features that cannot be done, whoever switches them on.
    """

    def __init__(
        self, database_url: str, outage: Outage, *, customers: Database | None = None, lacking: Collection[str] = ()
    ) -> None:
        self._url, self._outage = database_url, outage
        self._database = self._made()
        # Those whose connection was silent.
        self._left: list[Database] = []
        self._customers = customers
        self._board = Board()
        self._lacking = frozenset(lacking)
        self._looking: asyncio.Task[None] | None = None
        self._next_seconds = self._seen_seconds = float("-inf")

    def _made(self) -> Database:
        database = Database(self._url, connections=1)
        database.outage = self._outage
        return database

    def is_off(self, name: str) -> bool:
        """Is it off, as far as the process knows?"""
        return name in self._lacking or name in self._board.off

    def banner(self, language: str) -> str:
        """The banner of now in this language; empty where there is none."""
        banner = self._board.banner
        if banner is None or (banner.until is not None and banner.until <= clock.now()):
            return ""
        return banner.texts.get(language, "")

    async def look(self) -> None:
        """Sees to it that the process knows how the switches stand. It raises nothing."""
        for _ in range(_MOST_WAITS):
            looking = self._begin_where_due()
            if looking is None or monotonic() - self._seen_seconds <= _OLD_SECONDS:
                return
            # The look under way may be one that began before the process was frozen: then what it saw is old, too.
            await asyncio.wait({looking}, timeout=_WAIT_SECONDS)

    def _begin_where_due(self) -> "asyncio.Task[None] | None":
        """The look that is under way; None where the last one was a moment ago."""
        if self._looking is not None and not self._looking.done():
            return self._looking
        now_seconds = monotonic()
        if now_seconds < self._next_seconds:
            return None
        self._next_seconds = now_seconds + _REST_SECONDS
        # Not in the context of whoever asks: the line that tells of a change is no request's and no duty's.
        self._looking = asyncio.create_task(self._look(), context=Context())
        return self._looking

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        await self._close_left()
        await self._database.close()

    async def _look(self) -> None:
        """Over the connection that it has, and where that is silent, over another: a line may die and nobody be told."""
        for is_theirs, patience_seconds in ((False, _KEPT_SECONDS), (False, _READ_SECONDS), (True, _READ_SECONDS)):
            database = self._customers if is_theirs else self._database
            if database is None:
                return
            began_seconds = monotonic()
            try:
                seen = await within(patience_seconds, self._read(database))
            except TimeoutError:
                if database is self._database:
                    await self._leave()
            except Exception as error:  # noqa: BLE001 - whatever it is, what was seen last stands
                if not is_away(error):
                    log.warning("switches not read", error=describe(error))
                    return
            else:
                self._take(seen, began_seconds)
                await self._close_left()
                return

    async def _leave(self) -> None:
        """Goes on with another connection. The silent one is closed later, when whoever waits there has given up."""
        self._left.append(self._database)
        self._database = self._made()
        if len(self._left) > _MOST_LEFT:
            await self._close_left(_MOST_LEFT)

    async def _close_left(self, keeps: int = 0) -> None:
        """Closes them, the oldest first, until there are no more than `keeps`."""
        while len(self._left) > keeps:
            await self._left[0].close()
            del self._left[0]

    def _take(self, seen: Board, began_seconds: float) -> None:
        if seen.off != self._board.off:
            log.info("switches changed", off=sorted(seen.off))
        self._board, self._seen_seconds = seen, began_seconds

    @staticmethod
    async def _read(database: Database) -> Board:
        async with database.autocommit() as connection:
            try:
                return await board.read(connection)
            except asyncio.CancelledError:
                # It may be silent for good.
                await connection.invalidate()
                raise
