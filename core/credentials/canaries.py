"""Notices that the pepper or the data key is another than the one that a database was made with.

With another pepper every right PIN is a wrong one, and three lock it; with another data key no ID number can be read. So the
database keeps a check value of each, a canary, and whoever comes with another secret is refused before he does anything.

A check value is an HMAC of a fixed text under a key that is derived from the secret. It leads back to the secret by guessing
alone. A pepper may be a short word: to try a guess of it costs as much as one of a PIN does.
"""

import hashlib
import hmac
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.runtime import Runtime
from core.settings import Settings
from core.tables.credentials import canary
from core.tables.customers import customer

PIN_PEPPER, DATA_KEY = "pin_pepper", "data_key"

_TEXT = b"Jasho's canary"
# One that was damaged says nothing about the key.
_MOST_SEALED = 5


class OtherSecrets(Exception):
    """`names`: the settings that differ from those of the database."""

    def __init__(self, *names: str) -> None:
        super().__init__(", ".join(names))
        self.names = names


async def check(runtime: Runtime) -> None:
    """Compares; the first process on a database writes what the others are compared with. Raises OtherSecrets."""
    ours = _values(runtime.settings)
    async with runtime.database.autocommit() as connection:
        kept = await _read(connection)
        if not ours.keys() <= kept.keys():
            if not await _opens_what_is_sealed(connection, runtime):
                raise OtherSecrets(DATA_KEY)
            await _write(connection, ours)
            # Of two that are the first at once, one has written.
            kept = await _read(connection)
    if differing := _differing(ours, kept):
        raise OtherSecrets(*differing)


async def find_differing(connection: AsyncConnection, settings: Settings) -> list[str]:
    """The settings that differ from those of the database. Writes nothing; a database without a check value has none for it."""
    return _differing(_values(settings), await _read(connection))


def _differing(ours: Mapping[str, bytes], kept: Mapping[str, bytes]) -> list[str]:
    return [name for name, value in ours.items() if name in kept and not hmac.compare_digest(kept[name], value)]


def _values(settings: Settings) -> dict[str, bytes]:
    pepper = settings.pin_pepper.encode()
    keys = {
        PIN_PEPPER: hashlib.scrypt(pepper, salt=_TEXT, n=2**14, r=8, p=1, dklen=32),
        DATA_KEY: hashlib.blake2b(b"canary", key=settings.data_key_bytes, digest_size=32).digest(),
    }
    return {name: hmac.digest(key, _TEXT, hashlib.sha256) for name, key in keys.items()}


async def _read(connection: AsyncConnection) -> dict[str, bytes]:
    rows = await connection.execute(select(canary.c.name, canary.c.value))
    return {row.name: row.value for row in rows}


async def _write(connection: AsyncConnection, values: dict[str, bytes]) -> None:
    """In one statement and one order: of two processes with other secrets, one writes all."""
    now = clock.now()
    rows = [{"name": name, "value": value, "created_at": now} for name, value in values.items()]
    await connection.execute(insert(canary).values(rows).on_conflict_do_nothing())


async def _opens_what_is_sealed(connection: AsyncConnection, runtime: Runtime) -> bool:
    """Does our key open what a database from before the canaries has sealed? True where nothing is sealed."""
    sealed = select(customer.c.id, customer.c.national_id).where(customer.c.national_id.is_not(None)).limit(_MOST_SEALED)
    rows = (await connection.execute(sealed)).all()
    for row in rows:
        try:
            runtime.vault.open(row.national_id, row.id)
        except (ValueError, InvalidTag):
            continue
        return True
    return not rows
