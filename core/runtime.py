"""What every service needs while it works: one object, made once a process."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from core.db import Database, conninfo
from core.hashing import PinHasher
from core.ledger.poster import Poster
from core.operations.switches import Switches
from core.rail import Rail
from core.settings import Settings
from core.vault import Vault

_NO_RAILS: Mapping[str, Rail] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Runtime:
    """`rails` carry money in and out. They are kept by name, the customers' default first."""

    settings: Settings
    database: Database
    poster: Poster
    pin_hasher: PinHasher
    vault: Vault
    rails: Mapping[str, Rail]
    switches: Switches

    @classmethod
    def of(cls, settings: Settings, rails: Mapping[str, Rail] = _NO_RAILS, lacking: Collection[str] = ()) -> Self:
        """Nothing is connected until it is needed. `lacking`: the features that these settings are not enough for."""
        database = Database(settings.database_url)
        return cls(
            settings,
            database,
            Poster(conninfo(settings.database_url), settings.country),
            PinHasher(settings.pin_pepper),
            Vault(settings.data_key_bytes),
            rails,
            Switches(settings.database_url, database.outage, customers=database, lacking=lacking),
        )

    async def close(self) -> None:
        self.pin_hasher.close()
        await self.switches.close()
        await self.poster.close()
        await self.database.close()
