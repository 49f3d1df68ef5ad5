"""Put on the PYTHONPATH of `jasho serve`: its processes' clocks can be moved, and a fault can be planted in them.

A file in the folder FAULTS_CLOCKS, named by the process's id, holds how many seconds its clock is ahead. FAULTS_PLANT names a
fault, by which the driver shows that it would notice.
"""

import os
import time
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import core.clock

_LOOK_SECONDS = 0.2


class MovedClock(datetime):
    """What `core.clock` asks for the time of this machine."""

    _ahead = timedelta(0)
    _looked_seconds = float("-inf")

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        if time.monotonic() > cls._looked_seconds + _LOOK_SECONDS:
            cls._looked_seconds = time.monotonic()
            file = Path(os.environ["FAULTS_CLOCKS"], str(os.getpid()))
            cls._ahead = timedelta(seconds=float(file.read_text() or 0) if file.exists() else 0)
        return super().now(tz) + cls._ahead


def _forget_keys() -> None:
    """Each call to the ledger has other keys: one whose answer was lost pays again."""
    from core.ledger import poster  # noqa: PLC0415

    post = poster.post_on_driver  # type: ignore[attr-defined]

    async def post_anew(driver: Any, transfers: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
        renamed = [replace(transfer, id=uuid4(), key=uuid4().hex) for transfer in transfers]
        return await post(driver, renamed, *args, **options)

    poster.post_on_driver = post_anew  # type: ignore[attr-defined]


def _deny() -> None:
    """Whatever was not answered in time is said not to have been done, and nobody looks."""
    from core.customers import wallet  # noqa: PLC0415
    from gateway.ussd import dialling, failing, inputs, road  # noqa: PLC0415

    async def find_nothing(*_: object) -> None:
        return None

    wallet.find_last_done = find_nothing  # type: ignore[assignment]
    # Whoever imports them has names of his own.
    for module in (failing, dialling, inputs, road):
        for name in ("MAYBE_DONE", "LOOK_FIRST"):
            setattr(module, name, failing.NOTHING_DONE)


def _pay_nothing() -> None:
    """A receipt stands for no transfer: it was rolled back."""
    from core.ledger import poster  # noqa: PLC0415

    post = poster.post_on_driver  # type: ignore[attr-defined]

    async def post_and_undo(driver: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
        async with driver.transaction(force_rollback=True):
            return await post(driver, *args, **options)

    poster.post_on_driver = post_and_undo  # type: ignore[attr-defined]


def _tell_nobody() -> None:
    """Money moves, and nobody gets an SMS about it."""
    from core.ledger import poster  # noqa: PLC0415

    post = poster.post_on_driver  # type: ignore[attr-defined]

    async def post_in_silence(driver: Any, transfers: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
        return await post(driver, [replace(transfer, notices=()) for transfer in transfers], *args, **options)

    poster.post_on_driver = post_in_silence  # type: ignore[attr-defined]


def _show_old_balances() -> None:
    """Each process shows what it has shown a customer first."""
    from core.customers import wallet  # noqa: PLC0415

    read, shown = wallet.get_balance, {}

    async def read_once(runtime: Any, customer: Any) -> Any:  # noqa: ANN401 - whatever it takes
        if customer.phone not in shown:
            shown[customer.phone] = await read(runtime, customer)
        return shown[customer.phone]

    wallet.get_balance = read_once


_PLANTS = {
    "forgotten keys": _forget_keys,
    "denial": _deny,
    "nothing paid": _pay_nothing,
    "silence": _tell_nobody,
    "old balances": _show_old_balances,
}

if "FAULTS_CLOCKS" in os.environ:
    core.clock.datetime = MovedClock  # type: ignore[attr-defined]
    if plant := os.environ.get("FAULTS_PLANT"):
        _PLANTS[plant]()
