"""Chooses the next provider: by weight and recent health. A failing one rests, and is then tried with one message.

`sms_provider` holds its health, so all workers rest a provider together, and one of them tries it.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from core.messaging import health
from core.messaging.deliveries import AnsweredAttempt, SendOutcome
from core.operations.switches import Switches
from core.operations.switches import provider as provider_switch
from gateway.sms.provider import Provider

# After so many failures in a row it rests; so long at first, twice as long after each try that failed.
_MOST_FAILURES = 3
_FIRST_REST = timedelta(seconds=30)
_MOST_DOUBLINGS = 5
_LONGEST_REST = _FIRST_REST * (1 << _MOST_DOUBLINGS)
# A worker that tries it has an answer by then, or has died.
_PROBE_LASTS = timedelta(seconds=30)
_WELL = {"failures": 0, "rests": 0, "rested_until": None, "probed_at": None}

log = structlog.get_logger()


class ProviderPool:
    """The providers there are: a `core.messaging.deliveries.Pool`."""

    def __init__(self, providers: Iterable[Provider], switches: Switches | None = None) -> None:
        self._switches = switches
        self._providers = {provider.name: provider for provider in providers}
        self._last_read: Sequence[Row[Any]] = ()

    def __getitem__(self, name: str) -> Provider:
        return self._providers[name]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._providers)

    async def assign(self, connection: AsyncConnection, avoided: Sequence[str | None]) -> list[str | None]:
        weights, probes = await self._look(connection)
        chosen: list[str | None] = []
        for avoid in avoided:
            if avoid not in probes and probes:
                chosen.append(probes.pop())
                continue
            others = {name: weight for name, weight in weights.items() if name != avoid}
            chosen.append(_draw(others or weights))
        return chosen

    async def choose_another(self, connection: AsyncConnection, tried: Iterable[str]) -> str | None:
        weights, probes = await self._look(connection, without=frozenset(tried))
        return probes.pop() if probes else _draw(weights)

    async def _look(
        self, connection: AsyncConnection, without: frozenset[str] = frozenset()
    ) -> tuple[dict[str, float], list[str]]:
        """The providers that can get messages, with their weights; and those that are to be tried with one."""
        without |= {name for name in self._providers if self._is_off(name)}
        rows = [row for row in await self._read(connection) if row.name not in without]
        if any(_wants_probe(row) for row in rows):
            rows = [row for row in await self._read(connection, is_locked=True) if row.name not in without]
        probes = [row.name for row in rows if _wants_probe(row)]
        if probes:
            await health.mark_probed(connection, probes)
        weights = {row.name: row.weight / (1 + row.failures) for row in rows if row.rested_until is None}
        return weights, probes

    def _is_off(self, name: str) -> bool:
        return self._switches is not None and self._switches.is_off(provider_switch(name))

    async def _read(self, connection: AsyncConnection, *, is_locked: bool = False) -> Sequence[Row[Any]]:
        weights = {name: provider.weight for name, provider in self._providers.items()}
        self._last_read = await health.list_providers(connection, weights, is_locked=is_locked)
        return self._last_read

    async def note_answers(self, connection: AsyncConnection, answers: Sequence[AnsweredAttempt]) -> None:
        """AWAY and UNSURE count as failures. After any other answer but REFUSED the provider is well again."""
        failures: dict[str, int] = {}
        codes: dict[str, str] = {}
        well: set[str] = set()
        for answered in answers:
            name = answered.attempt.provider
            if answered.answer.outcome in (SendOutcome.AWAY, SendOutcome.UNSURE):
                failures[name] = failures.get(name, 0) + 1
                codes[name] = answered.answer.code
            elif answered.answer.outcome is not SendOutcome.REFUSED:
                well.add(name)
                failures.pop(name, None)
        if not failures and not any(row.failures for row in self._last_read if row.name in well):
            return
        for row in await self._read(connection, is_locked=True):
            if row.name in failures:
                before = 0 if row.name in well else row.failures
                change = _worse(row, before + failures[row.name])
                await health.update_provider(connection, row.name, change)
                if "rested_until" in change:
                    log.warning("provider rests", provider=row.name, code=codes[row.name])
            elif row.name in well and row.failures:
                await health.update_provider(connection, row.name, _WELL)
                if row.rested_until is not None:
                    log.warning("provider is back", provider=row.name)


def _wants_probe(row: Row[Any]) -> bool:
    """Is its rest over, and is no worker trying it?"""
    if row.rested_until is None or _is_resting(row):
        return False
    return row.probed_at is None or not row.read_at - _PROBE_LASTS < row.probed_at <= row.read_at + _PROBE_LASTS


def _is_resting(row: Row[Any]) -> bool:
    # A rest that is longer than any was written by a clock that was wrong.
    return row.rested_until is not None and row.read_at < row.rested_until <= row.read_at + _LONGEST_REST


def _worse(row: Row[Any], failures: int) -> dict[str, Any]:
    change: dict[str, Any] = {"failures": min(failures, 1000)}
    if change["failures"] >= _MOST_FAILURES and not _is_resting(row):
        rest = _FIRST_REST * (1 << min(row.rests, _MOST_DOUBLINGS))
        change |= {"rests": row.rests + 1, "rested_until": row.read_at + rest, "probed_at": None}
    return change


def _draw(weights: dict[str, float]) -> str | None:
    if not weights:
        return None
    if not any(weights.values()):
        return random.choice(list(weights))  # noqa: S311
    return random.choices(list(weights), list(weights.values()))[0]  # noqa: S311 - spreads load, guards nothing
