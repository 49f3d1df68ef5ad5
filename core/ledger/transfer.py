"""What the ledger takes, transfers, and what it returns, their results."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from core.errors import KeyConflict, Refusal
from core.ledger.chart import SystemAccount
from core.ledger.refusals import (
    AccountClosed,
    AlreadyReversed,
    HoldClosed,
    NotEnoughMoney,
    OverBalanceLimit,
    OverDayLimit,
    OverLimit,
)
from core.money import Money

Account = UUID | SystemAccount

# By outcome. The others, `invalid` and `chain_broken`, are the caller's bug or business.
REFUSALS: dict[str, type[Refusal]] = {
    "not_enough": NotEnoughMoney,
    "over_transfer_limit": OverLimit,
    "over_day_limit": OverDayLimit,
    "over_balance_limit": OverBalanceLimit,
    "account_closed": AccountClosed,
    "key_conflict": KeyConflict,
    "hold_closed": HoldClosed,
    "hold_expired": HoldClosed,
    "already_reversed": AlreadyReversed,
}


@dataclass(frozen=True, slots=True)
class Leg:
    """`amount_minor` goes into the account, or out of it where negative; it is never zero."""

    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Notice:
    """An SMS to send if, and only if, the transfer is accepted.

    `body` is in the reader's language. `{balance}` in it becomes what the account of leg number `leg` can spend afterwards.
    """

    phone: str
    language: str
    body: str
    leg: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Money kept back for a transfer that waits on the outside world. Its legs are those of a capture as a whole."""

    id: UUID
    initiator: UUID
    legs: tuple[Leg, ...]
    limited_minor: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Legs of one currency that add up to zero. `key` makes the transfer happen once for each `initiator`, an account.

    `limited_minor` counts against the initiator's limits. `hold_until` makes it a hold: its debits are held, nothing is posted.
    `settles` captures a hold with these legs, or gives it back where there are none. `reverses` can name a transfer once in all
    history. `at_most`, with two legs (out, in), moves what is there up to their amount.

    `request` says in a few words what was asked for, where the legs depend on more than that (a commission that grows with the
    day): the ledger knows a repeated request by it. Only for a transfer that is posted alone, in a transaction of its own.
    """

    id: UUID
    initiator: UUID
    key: str
    kind: str
    legs: tuple[Leg, ...]
    notices: tuple[Notice, ...] = ()
    limited_minor: int = 0
    hold_until: datetime | None = None
    settles: Hold | None = None
    reverses: UUID | None = None
    at_most: bool = False
    request: str = ""

    def request_hash(self) -> int:
        """63 bits that tell one request from another under the same key."""
        parts = [self.kind, self.request] if self.request else [self.kind]
        for leg in () if self.request else self.legs:
            account = leg.account
            parts.append(account.hex if isinstance(account, UUID) else f"{account.kind} {account.currency}")
            parts.append(str(leg.amount_minor))
        if self.settles is not None or self.reverses is not None:
            parts.append(f"{self.settles and self.settles.id} {self.reverses}")
        if self.hold_until is not None or self.at_most:
            parts.append("at most" if self.at_most else "hold")
        return int.from_bytes(hashlib.blake2b(" ".join(parts).encode(), digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True, slots=True)
class PostingResult:
    """What became of a transfer.

    `outcome` is `posted`, `repeated` (the key's first result again), a key of REFUSALS, `invalid` (the legs do not add up: a
    bug), `chain_broken`, or `busy` (a row that it needs is locked, in a call that waits for none). `transfer_id` is the first
    transfer's where repeated. `available_minor` holds, for each leg, what its account could spend afterwards; it is empty where
    refused. `detail` is the limit that was in the way, the amount that an `at_most` moved, or the place in the call of the
    transfer that broke the chain.
    """

    outcome: str
    transfer_id: UUID
    available_minor: tuple[int, ...] = ()
    detail: int | None = None

    @property
    def is_done(self) -> bool:
        return self.outcome in ("posted", "repeated")

    def raise_refusal(self, currency: str, **params: object) -> NoReturn:
        """Raises the Refusal that the outcome stands for. `params` fill its sentence; `most`, the limit, is filled here."""
        if self.outcome not in REFUSALS:
            raise ValueError(f"transfer {self.transfer_id} is {self.outcome}")
        raise REFUSALS[self.outcome](most=Money(max(self.detail or 0, 0), currency), **params)
