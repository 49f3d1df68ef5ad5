"""Closing a connection so that the caller can read the answer that came before he had sent everything.

A connection that is closed with bytes unread is reset, and a reset may overtake the answer: he would see a broken line
and not why. So this says that no more comes, takes what he sends, and throws it away: for a while, and up to a size.
"""

import asyncio
from collections.abc import Callable
from typing import Any

_PARTING_SECONDS = 2.0
MOST_DISCARDED_BYTES = 128 * 1024


class PartingTransport(asyncio.Transport):
    """The connection's own transport, with another way to close. `is_owed`: does the caller have more to send?"""

    def __init__(self, transport: asyncio.Transport, is_owed: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._is_owed = is_owed
        self._deadline: asyncio.TimerHandle | None = None
        self._discarded_bytes = 0

    def close(self) -> None:
        if self.is_closing():
            return
        if not self._is_owed():
            self._transport.close()
            return
        # Behind what is written already.
        self._transport.write_eof()
        self._transport.resume_reading()
        self._deadline = asyncio.get_running_loop().call_later(_PARTING_SECONDS, self._transport.close)

    def is_closing(self) -> bool:
        return self._deadline is not None or self._transport.is_closing()

    def discard(self, data: bytes) -> None:
        """What came after `close`. Too much of it ends the parting."""
        self._discarded_bytes += len(data)
        if self._discarded_bytes > MOST_DISCARDED_BYTES:
            self._transport.close()

    def forget(self) -> None:
        """The connection is lost: its timer would keep it."""
        if self._deadline is not None:
            self._deadline.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override, unused-ignore]
        self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - asyncio's own signature
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()
