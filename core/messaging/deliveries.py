"""Handing an SMS to a provider: what is handed over, what the provider answers, and who chooses the provider."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from core.messaging.notices import Message


class SendOutcome(StrEnum):
    """What a provider made of a message. After all but UNSURE we know whether it is on its way.

    SENT     taken on
    BARRED   the recipient's number is at fault: no provider can carry it
    REFUSED  this provider does not carry this message, and is well otherwise: another may, at once
    AWAY     this provider carries nothing now, or nothing of ours: another may, at once
    UNSURE   no answer, or none that could be understood
    """

    SENT = "sent"
    BARRED = "barred"
    REFUSED = "refused"
    AWAY = "away"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """`code` is the provider's own word for the outcome, `cost` what it reports as the price."""

    outcome: SendOutcome
    code: str = ""
    provider_id: str | None = None
    cost: str | None = None
    has_opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message in a provider's hands. It is recorded before the provider is called."""

    id: UUID
    message: Message
    number: int
    provider: str


@dataclass(frozen=True, slots=True)
class AnsweredAttempt:
    attempt: Attempt
    answer: ProviderAnswer


class Pool(Protocol):
    """The providers and their health. All workers share it, so every question is asked in a transaction."""

    @property
    def names(self) -> frozenset[str]: ...

    async def assign(self, connection: AsyncConnection, avoided: Sequence[str | None]) -> list[str | None]:
        """A provider for each message, if possible not the one that it avoids; None where no provider can take it now."""

    async def choose_another(self, connection: AsyncConnection, tried: Iterable[str]) -> str | None:
        """A provider that is not among `tried`; None where there is none."""

    async def note_answers(self, connection: AsyncConnection, answers: Sequence[AnsweredAttempt]) -> None:
        """Learns from what they answered."""
