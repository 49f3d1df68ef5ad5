"""What the providers share: their SDKs block, so each call runs in a thread of its own, bounded in number and in time.

After an answer that says no, another provider may send at once. Only where there was no answer, or none that makes sense, may
the message be on its way.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog
from requests import exceptions
from urllib3.exceptions import MaxRetryError

from core.messaging.deliveries import Attempt, ProviderAnswer, SendOutcome

# The SDKs' timeouts: for the connection, and for each wait for bytes.
CONNECT_SECONDS, READ_SECONDS = 3.05, 9.05
# And the timeout of a whole call: a provider that sends a byte now and then would keep the SDKs waiting for ever.
CALL_SECONDS = 15.0
MOST_THREADS = 32

_NEVER_LEFT = (
    exceptions.ConnectTimeout,
    exceptions.InvalidURL,
    exceptions.InvalidSchema,
    exceptions.InvalidHeader,
)

log = structlog.get_logger()


class Provider(Protocol):
    """Carries messages. `weight`: its share of them beside the others', until somebody changes it in `sms_provider`."""

    @property
    def name(self) -> str: ...

    @property
    def weight(self) -> int: ...

    async def send(self, attempt: Attempt) -> ProviderAnswer: ...


class Threads:
    """Calls that block, at most `most` at once. A call that outlives its deadline keeps its place until it ends."""

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._free = threading.Semaphore(most)

    async def call(self, function: Callable[[], ProviderAnswer], seconds: float) -> ProviderAnswer:
        """The function's answer, or what became of the call instead."""
        if not self._free.acquire(blocking=False):
            return ProviderAnswer(SendOutcome.AWAY, "no thread is free")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ProviderAnswer] = loop.create_future()
        # A daemon, so that a call that never ends does not keep the process from ending.
        try:
            threading.Thread(target=self._run, args=(function, loop, answer), daemon=True).start()
        except RuntimeError:  # the system has no more
            self._free.release()
            return ProviderAnswer(SendOutcome.AWAY, "no thread is free")
        await asyncio.wait({answer}, timeout=seconds)
        return answer.result() if answer.done() else ProviderAnswer(SendOutcome.UNSURE, "deadline")

    def _run(
        self, function: Callable[[], ProviderAnswer], loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[ProviderAnswer]"
    ) -> None:
        try:
            result = _ask(function)
        finally:
            self._free.release()
        with suppress(RuntimeError):  # the loop is gone, and nobody waits any more
            loop.call_soon_threadsafe(_give, answer, result)


def _give(answer: "asyncio.Future[ProviderAnswer]", result: ProviderAnswer) -> None:
    if not answer.done():
        answer.set_result(result)


def _ask(function: Callable[[], ProviderAnswer]) -> ProviderAnswer:
    try:
        return function()
    except exceptions.RequestException as error:
        return ProviderAnswer(SendOutcome.AWAY if _never_left(error) else SendOutcome.UNSURE, type(error).__name__)
    except Exception as error:
        log.exception("a provider's answer was not understood")
        return ProviderAnswer(SendOutcome.UNSURE, type(error).__name__)


def _never_left(error: exceptions.RequestException) -> bool:
    """Did it fail before a byte of the request was sent? Without retries urllib3 raises MaxRetryError only for a connection."""
    return isinstance(error, _NEVER_LEFT) or (
        isinstance(error, exceptions.ConnectionError) and bool(error.args) and isinstance(error.args[0], MaxRetryError)
    )
