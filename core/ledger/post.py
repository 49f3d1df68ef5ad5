"""The only way money moves: transfers in, one round trip, one answer each.

A transfer is a set of legs that add up to nothing. `post` hands any number of them to the SQL function beside this file,
which accepts or refuses each by itself, in the caller's transaction. Postings, balances and notices of an accepted transfer
are written together; a refused one leaves every row as it was.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.errors import AccountClosed, KeyConflict, NotEnoughMoney, OverLimit
from core.ledger.chart import STRIPES, SystemAccount

Account = UUID | SystemAccount


@dataclass(frozen=True, slots=True)
class Leg:
    """`amount_minor` into the account, or out of it where negative."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Notice:
    """An SMS to send if, and only if, the transfer is accepted.

    `body` is in the reader's language; where it says `{balance}`, the balance after leg `leg` of the transfer stands.
    """

    phone: str
    language: str
    body: str
    leg: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A wish: `key` makes it happen once for each `initiator`, who must be the account of one of the legs."""

    id: UUID
    initiator: UUID
    key: str
    kind: str
    legs: tuple[Leg, ...]
    notices: tuple[Notice, ...] = ()

    def request_hash(self) -> bytes:
        """Tells the same request under the same key from another one."""
        request = repr((self.kind, [(leg.account, leg.amount_minor) for leg in self.legs]))
        return hashlib.blake2b(request.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a transfer.

    `outcome` is `posted`, `repeated` (the key's first answer again), or why not: `not_enough`, `over_ceiling`,
    `account_closed`, `key_conflict`. `transfer_id` is the first one's where repeated; `available_minor` holds, a leg each,
    what the leg's account could spend afterwards, and nothing where refused.
    """

    outcome: str
    transfer_id: UUID
    available_minor: tuple[int, ...] = ()

    @property
    def is_done(self) -> bool:
        return self.outcome in ("posted", "repeated")

    def raise_refusal(self, **params: object) -> NoReturn:
        """Raises the Refusal that the outcome stands for; `params` fill its sentence."""
        refusals = {
            "not_enough": NotEnoughMoney,
            "over_ceiling": OverLimit,
            "account_closed": AccountClosed,
            "key_conflict": KeyConflict,
        }
        raise refusals[self.outcome](**params)


_CALL = """SELECT outcome, transfer_id, available FROM ledger_post(
    %s, %s::uuid[], %s::uuid[], %s::text[], %s::bytea[], %s::text[], %s::int[], %s::int[], %s::int[], %s::int[], %s::bigint[],
    %s::uuid[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[])"""


async def post(connection: AsyncConnection, transfers: Sequence[Transfer]) -> list[Answer]:
    """Posts the transfers in the connection's transaction and answers in their order.

    Raises psycopg.Error where the database is away, and where a transfer does not balance (a bug, never a refusal).
    """
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    cursor = await driver.execute(_CALL, _arguments(transfers))
    return [Answer(outcome, transfer_id, tuple(available or ())) for outcome, transfer_id, available in await cursor.fetchall()]


def _arguments(transfers: Sequence[Transfer]) -> tuple[object, ...]:
    # One stripe a call: a batch then locks one row of each of the service's accounts, and processes rarely share it.
    stripe = random.randrange(STRIPES)  # noqa: S311 - spreads load, guards nothing
    rows = {
        leg.account: leg.account.stripe(stripe) if isinstance(leg.account, SystemAccount) else leg.account
        for transfer in transfers
        for leg in transfer.legs
    }
    locked = sorted(rows, key=lambda account: (isinstance(account, SystemAccount), rows[account]))
    position = {account: index for index, account in enumerate(locked, start=1)}
    firsts: dict[tuple[UUID, str], int] = {}
    leg_ends: list[int] = []
    notices: list[tuple[UUID, int, int, str, str, str]] = []
    legs: list[Leg] = []
    for index, transfer in enumerate(transfers, start=1):
        firsts.setdefault((transfer.initiator, transfer.key), index)
        for notice in transfer.notices:
            leg = len(legs) + notice.leg + 1
            notices.append((ids.new_id(), leg, index, notice.phone, notice.language, notice.body))
        legs.extend(transfer.legs)
        leg_ends.append(len(legs))
    return (
        clock.now(),
        [rows[account] for account in locked],
        [transfer.id for transfer in transfers],
        [transfer.key for transfer in transfers],
        [transfer.request_hash() for transfer in transfers],
        [transfer.kind for transfer in transfers],
        [position[transfer.initiator] for transfer in transfers],
        [firsts[transfer.initiator, transfer.key] for transfer in transfers],
        leg_ends,
        [position[leg.account] for leg in legs],
        [leg.amount_minor for leg in legs],
        *([notice[column] for notice in notices] for column in range(6)),
    )
