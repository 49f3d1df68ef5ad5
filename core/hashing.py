"""What is derived under the pepper, a key that is not in the database: the PINs' hashes, and one-time codes."""

import asyncio
import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar, TypeVar
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from core.errors import Busy

_Result = TypeVar("_Result")

# How many digits a one-time code has, by its purpose.
CODE_DIGITS = {"pin": 6, "sms": 4}
MOST_OF_ONE_CUSTOMER = 3


class PinHasher:
    """HMAC with the pepper, then Argon2id at OWASP's minimum (19 MiB, 2 passes, 1 lane), in its own threads.

    A check costs 15 to 20 ms of a core, so `most_waiting` bounds how many may be under way or queued (`place`). Of one customer's
    there are fewer: whoever guesses is to hold up nobody else.
    """

    # Of new hashes. An old one is checked with the memory that it was made with.
    memory_kib: ClassVar[int] = 19 * 1024

    def __init__(self, pepper: str, most_waiting: int = 100) -> None:
        self._pepper = pepper.encode()
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=self.memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="pin")
        self._waiting: Counter[UUID] = Counter()
        self._most_waiting = most_waiting

    @contextmanager
    def place(self, customer_id: UUID) -> Iterator[None]:
        """Takes a place, for `hash` or `matches`. Raises Busy where all, or all that a customer may have, are taken."""
        if self._waiting.total() >= self._most_waiting or self._waiting[customer_id] >= MOST_OF_ONE_CUSTOMER:
            raise Busy
        self._waiting[customer_id] += 1
        try:
            yield
        finally:
            self._waiting[customer_id] -= 1
            if not self._waiting[customer_id]:
                del self._waiting[customer_id]

    async def hash(self, pin: str, customer_id: UUID) -> str:
        return await self._run(lambda: self._argon2.hash(self._peppered(pin, customer_id)))

    async def matches(self, hashed: str, pin: str, customer_id: UUID) -> bool:
        return await self._run(lambda: self._verify(hashed, pin, customer_id))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _peppered(self, pin: str, customer_id: UUID) -> bytes:
        return hmac.digest(self._pepper, customer_id.bytes + pin.encode(), hashlib.sha256)

    def _verify(self, hashed: str, pin: str, customer_id: UUID) -> bool:
        try:
            return self._argon2.verify(hashed, self._peppered(pin, customer_id))
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def code_digits(pepper: str, code_id: UUID, purpose: str) -> str:
    """The digits of the one-time code with this id. They go into an SMS that is leaving, and nowhere else."""
    key = hashlib.blake2b(b"one-time code:" + pepper.encode(), digest_size=32).digest()
    number = int.from_bytes(hmac.digest(key, purpose.encode() + code_id.bytes, hashlib.sha256), "big")
    return f"{number % 10 ** CODE_DIGITS[purpose]:0{CODE_DIGITS[purpose]}}"
