"""Ids for machines and references for people."""

import os
from datetime import datetime
from uuid import UUID

from core import clock

REFERENCE_LENGTH = 10
# Crockford's base 32: no I, L, O or U, so that a reference can be read out over the phone.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> UUID:
    """A UUID of version 7. It sorts by time, so a large index grows at one end."""
    milliseconds = int(clock.now().timestamp() * 1000)
    random = int.from_bytes(os.urandom(10), "big")
    high = milliseconds << 16 | 0x7000 | random >> 68
    low = 0x8000_0000_0000_0000 | random & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=high << 64 | low)


def first_at(moment: datetime) -> UUID:
    """The least id that `new_id` could have made in this millisecond: earlier ones are smaller."""
    return UUID(int=(int(moment.timestamp() * 1000) << 16 | 0x7000) << 64 | 0x8000_0000_0000_0000)


def reference(transfer_id: UUID) -> str:
    """A transfer's name on a receipt: ten characters made of the id's 50 lowest (random) bits."""
    bits = transfer_id.int
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(45, -1, -5))
