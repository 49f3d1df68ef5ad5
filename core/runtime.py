"""What every service needs at hand while it works: one object, made once a process."""

from dataclasses import dataclass

from core.db import Database, conninfo
from core.ledger.poster import Poster
from core.rails import Rail
from core.rails.local import LocalRail
from core.services.pins import PinHasher
from core.settings import Settings
from core.vault import Vault


@dataclass(frozen=True, slots=True)
class Runtime:
    """`rail` is what carries money in and out; None where none is connected."""

    settings: Settings
    database: Database
    poster: Poster
    pin_hasher: PinHasher
    vault: Vault
    rail: Rail | None

    @classmethod
    def of(cls, settings: Settings) -> "Runtime":
        """Nothing is connected before it is first needed."""
        return cls(
            settings,
            Database(settings.database_url),
            Poster(conninfo(settings.database_url), settings.country),
            PinHasher(settings.pin_pepper),
            Vault(settings.data_key_bytes),
            LocalRail() if settings.is_local else None,
        )

    async def close(self) -> None:
        self.pin_hasher.close()
        await self.poster.close()
        await self.database.close()
