"""A worker's rounds over an outbox, told in a few words."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import func, insert, select, text, update

from core import clock, ids
from core.messaging import kinds
from core.runtime import Runtime
from core.settings import Settings
from core.tables.messaging import outbox, sms_attempt, sms_provider
from gateway import wiring
from gateway.providers.africastalking import settings as africastalking_settings
from gateway.providers.africastalking.sms import AfricasTalking
from gateway.providers.twilio import settings as twilio_settings
from gateway.providers.twilio.sms import Twilio
from gateway.sms import sending
from gateway.sms.pool import ProviderPool
from gateway.sms.provider import CALL_SECONDS
from tests.gateway.vendors import Vendor

ASHA, BARAKA = "+254711000001", "+254722000002"
TOKEN = "twilio-token-of-a-test"


def connected(settings: Settings, africastalking: Vendor | None = None, twilio: Vendor | None = None) -> Settings:
    """The same settings, with the providers that are there."""
    given: dict[str, str] = {}
    if africastalking is not None:
        given |= {"JASHO_AT_USERNAME": "jasho", "JASHO_AT_API_KEY": "k", "JASHO_AT_SENDER": "JASHO"}
        given |= {"JASHO_AT_BASE_URL": africastalking.url}
    if twilio is not None:
        given |= twilio_account(f"AC{'0' * 32}", TOKEN) | {"JASHO_TWILIO_BASE_URL": twilio.url}
    return replace(settings, vendors=given)


def twilio_account(sid: str, token: str) -> dict[str, str]:
    return {"JASHO_TWILIO_ACCOUNT_SID": sid, "JASHO_TWILIO_AUTH_TOKEN": token, "JASHO_TWILIO_FROM": "+15005550006"}


def africastalking_of(settings: Settings, call_seconds: float = CALL_SECONDS) -> AfricasTalking:
    told = africastalking_settings.VENDOR.read(settings)
    assert told is not None
    return AfricasTalking(told, call_seconds)


def twilio_of(settings: Settings, call_seconds: float = CALL_SECONDS) -> Twilio:
    told = twilio_settings.VENDOR.read(settings)
    assert told is not None
    return Twilio(told, settings.public_url, call_seconds)


@dataclass(frozen=True)
class PostOffice:
    runtime: Runtime
    pool: ProviderPool

    @classmethod
    def of(cls, runtime: Runtime) -> Self:
        pool = wiring.sms_pool(runtime.settings)
        assert pool is not None
        return cls(runtime, pool)

    async def queue(
        self, body: str, phone: str = ASHA, kind: str = kinds.RECEIPT, at: datetime | None = None, code_id: UUID | None = None
    ) -> UUID:
        """Writes a message; `at` is when it was written."""
        row: dict[str, Any] = {
            "id": ids.new_id(),
            "phone": phone,
            "language": "en",
            "body": body,
            "kind": kind,
            "code_id": code_id,
        }
        row |= {"priority": kinds.of(kind).priority, "created_at": at or clock.now()}
        async with self.runtime.database.autocommit() as connection:
            await connection.execute(insert(outbox).values(row))
        message_id: UUID = row["id"]
        return message_id

    async def one_round(self) -> int:
        return await sending.one_round(self.runtime, self.pool)

    async def all_rounds(self) -> int:
        """Rounds until there is nothing more to send now."""
        total = 0
        while found := await self.one_round():
            total += found
        return total

    async def after(self, **time: float) -> int:
        """All rounds at a later moment."""
        with clock.at(clock.now() + timedelta(**time)):
            return await self.all_rounds()

    async def status(self, message_id: UUID) -> str:
        return str((await self.message(message_id)).status)

    async def message(self, message_id: UUID) -> Any:
        async with self.runtime.database.autocommit() as connection:
            return (await connection.execute(select(outbox).where(outbox.c.id == message_id))).one()

    async def attempts(self, message_id: UUID) -> list[Any]:
        """In order."""
        asked = select(sms_attempt).where(sms_attempt.c.outbox_id == message_id).order_by(sms_attempt.c.number)
        async with self.runtime.database.autocommit() as connection:
            return list((await connection.execute(asked)).all())

    async def outcomes(self, message_id: UUID) -> list[tuple[str, str | None]]:
        """Who was asked, and what came of it."""
        return [(attempt.provider, attempt.outcome) for attempt in await self.attempts(message_id)]

    async def in_doubt(self) -> int:
        """How many attempts there are of which nobody knows whether they left."""
        async with self.runtime.database.autocommit() as connection:
            found = await connection.scalar(select(func.count()).where(sms_attempt.c.outcome == "unsure"))
        return int(found or 0)

    async def weigh(self, **weights: int) -> None:
        """Sets the providers' weights, as an operator may at any time."""
        async with self.runtime.database.transaction() as connection:
            await self.pool.assign(connection, [None])  # writes down the providers that are new
            for name, weight in weights.items():
                await connection.execute(update(sms_provider).where(sms_provider.c.name == name).values(weight=weight))

    async def provider(self, name: str) -> Any:
        async with self.runtime.database.autocommit() as connection:
            return (await connection.execute(select(sms_provider).where(sms_provider.c.name == name))).one()

    async def statuses(self) -> dict[str, int]:
        """How many messages there are of each status."""
        async with self.runtime.database.autocommit() as connection:
            rows = await connection.execute(
                text("SELECT status, count(*) AS messages FROM outbox WHERE provider IS DISTINCT FROM 'local' GROUP BY 1")
            )
            return {row.status: row.messages for row in rows}
