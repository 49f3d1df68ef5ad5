"""What the ledger should do, in plain Python: no database, no speed, one thing after the other.

`test_model.py` asks this and the real one the same questions. Where two reasons to refuse meet, the order here is the one that
core/ledger/post.sql keeps: later reasons that make the request itself impossible win over those of the moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from core.ledger.chart import SystemAccount
from core.ledger.limits import Limit
from core.ledger.transfer import Account, Leg, Transfer


@dataclass(slots=True)
class Book:
    """One account. The service's own have no floor, no tier, and are one book here, however many rows they are there."""

    currency: str
    floor: int | None = None
    tier: str | None = None
    balance: int = 0
    held: int = 0
    version: int = 0
    day: date = date.min
    spent: int = 0
    is_open: bool = True

    @property
    def available(self) -> int:
        return self.balance - self.held

    def spent_on(self, day: date) -> int:
        return self.spent if self.day == day else 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An accepted transfer, and what was answered: whoever asks again is told the same."""

    wish: Transfer
    limited: int
    day: date
    detail: int | None
    available: tuple[int, ...]


@dataclass(slots=True)
class Verdict:
    """`available` has a number a leg, once the transfer is done."""

    outcome: str
    transfer_id: UUID
    detail: int | None = None
    available: tuple[int, ...] = ()


@dataclass(slots=True)
class _State:
    books: dict[Account, Book] = field(default_factory=dict)
    journal: dict[UUID, Entry] = field(default_factory=dict)
    keys: dict[tuple[UUID, str], UUID] = field(default_factory=dict)
    open_holds: dict[UUID, datetime] = field(default_factory=dict)
    reversed: set[UUID] = field(default_factory=set)
    # Holds of the call that is under way: nothing in the same call can settle them.
    reserved: dict[UUID, datetime] = field(default_factory=dict)

    def copy(self) -> "_State":
        books = {account: replace(book) for account, book in self.books.items()}
        return _State(books, dict(self.journal), dict(self.keys), dict(self.open_holds), set(self.reversed), dict(self.reserved))


class Ledger:
    def __init__(self) -> None:
        self.state = _State()

    def open(self, account: UUID, currency: str, tier: str | None) -> None:
        self.state.books[account] = Book(currency, floor=0, tier=tier)

    def close(self, account: UUID) -> None:
        self.state.books[account].is_open = False

    def reopen(self, account: UUID) -> None:
        self.state.books[account].is_open = True

    def book(self, account: Account) -> Book:
        if isinstance(account, SystemAccount):
            return self.state.books.setdefault(account, Book(account.currency))
        return self.state.books[account]

    def post(
        self, wishes: Sequence[Transfer], chains: Sequence[int], at: datetime, today: date, limits: Sequence[Limit]
    ) -> list[Verdict]:
        """Each by itself, in order; neighbours with the same chain, not 0, all or none. `limits` are those of `today`."""
        rules = {(limit.tier, limit.currency): limit for limit in limits}
        verdicts: list[Verdict] = []
        begin = 0
        while begin < len(wishes):
            end = begin + 1
            while chains[begin] and end < len(wishes) and chains[end] == chains[begin]:
                end += 1
            verdicts += self._post_chain(wishes[begin:end], begin, at, today, rules)
            begin = end
        self.state.open_holds |= self.state.reserved
        self.state.reserved = {}
        return verdicts

    def late_holds(self, at: datetime) -> list[UUID]:
        return [hold for hold, until in self.state.open_holds.items() if until <= at]

    def _post_chain(
        self, wishes: Sequence[Transfer], begin: int, at: datetime, today: date, rules: dict[tuple[str, str], Limit]
    ) -> list[Verdict]:
        before = self.state.copy()
        verdicts: list[Verdict] = []
        for place, wish in enumerate(wishes):
            verdict = self._post(wish, at, today, rules)
            verdicts.append(verdict)
            if verdict.outcome not in ("posted", "repeated"):
                self.state = before
                for index, other in enumerate(wishes):
                    was_repeated = index < place and verdicts[index].transfer_id in before.journal
                    if index != place and not was_repeated:
                        broken = Verdict("chain_broken", other.id, begin + place + 1)
                        verdicts[index : index + 1] = [broken]
                break
        return verdicts

    def _post(self, wish: Transfer, at: datetime, today: date, rules: dict[tuple[str, str], Limit]) -> Verdict:
        first = self.state.keys.get((wish.initiator, wish.key))
        if first is not None:
            is_same = self.state.journal[first].wish.request_hash() == wish.request_hash()
            entry = self.state.journal[first]
            return Verdict("repeated", first, entry.detail, entry.available) if is_same else Verdict("key_conflict", first)
        before = self.state.copy().books
        attempt = _Attempt(self, wish, at, today, rules)
        refusal = attempt.refusal()
        if refusal is not None:
            self.state.books = before
            return Verdict(refusal, wish.id, attempt.detail)
        self._record(attempt)
        return Verdict("posted", wish.id, attempt.detail, self.state.journal[wish.id].available)

    def _record(self, attempt: "_Attempt") -> None:
        wish, initiator = attempt.wish, self.book(attempt.wish.initiator)
        if attempt.limited:
            initiator.spent, initiator.day = initiator.spent_on(attempt.day) + attempt.limited, attempt.day
        if wish.hold_until is not None:
            self.state.reserved[wish.id] = wish.hold_until
        else:
            for leg in attempt.legs:
                self.book(leg.account).version += 1
        if wish.settles is not None:
            del self.state.open_holds[wish.settles.id]
        if wish.reverses is not None:
            self.state.reversed.add(wish.reverses)
        available = tuple(self.book(leg.account).available for leg in attempt.legs)
        self.state.journal[wish.id] = Entry(wish, attempt.limited, attempt.day, attempt.detail, available)
        self.state.keys[wish.initiator, wish.key] = wish.id


class _Attempt:
    """One transfer tried on the books: `refusal` moves the money there and says whether it should not have been."""

    def __init__(self, ledger: Ledger, wish: Transfer, at: datetime, today: date, rules: dict[tuple[str, str], Limit]) -> None:
        self.ledger, self.wish, self.at, self.rules = ledger, wish, at, rules
        self.legs, self.limited = wish.legs, wish.limited_minor
        self.detail: int | None = None
        # Never back to an earlier day.
        self.day = max(today, ledger.book(wish.initiator).day)

    def refusal(self) -> str | None:
        found = "already_reversed" if self.wish.reverses in self.ledger.state.reversed else None
        found = self._settle() or found
        found = self._shrink() or found
        found = self._over_limit() or found
        for leg in self.legs:
            found = self._move(leg, found)
        too_few = len(self.legs) < 2 and self.wish.settles is None
        return "invalid" if too_few or sum(leg.amount_minor for leg in self.legs) != 0 else found

    def _settle(self) -> str | None:
        hold = self.wish.settles
        if hold is None:
            return None
        until = self.ledger.state.open_holds.get(hold.id)
        if until is None:
            return "hold_closed"
        if self.legs and until <= self.at:
            return "hold_expired"
        if hold.initiator != self.wish.initiator or self._takes_more_than(hold.legs):
            return "invalid"
        for leg in hold.legs:
            if leg.amount_minor < 0:
                self.ledger.book(leg.account).held += leg.amount_minor
        entry = self.ledger.state.journal[hold.id]
        self.limited = self.wish.limited_minor - entry.limited if entry.day == self.day else 0
        return None

    def _takes_more_than(self, held: tuple[Leg, ...]) -> bool:
        """People give, and get, no more than was agreed when the money was held."""
        asked, agreed = _by_direction(self.legs), _by_direction(held)
        return any(amount > agreed.get(direction, 0) for direction, amount in asked.items())

    def _shrink(self) -> str | None:
        """As much as is there, where that will do."""
        if not self.wish.at_most or len(self.legs) != 2:
            return None
        giver, taker = self.legs
        book = self.ledger.book(giver.account)
        self.detail = -giver.amount_minor
        if book.floor is not None:
            self.detail = min(self.detail, book.available - book.floor)
        if self.detail <= 0:
            return "not_enough"
        self.legs = (Leg(giver.account, -self.detail), Leg(taker.account, self.detail))
        return None

    def _over_limit(self) -> str | None:
        book = self.ledger.book(self.wish.initiator)
        rule = self.rules.get((book.tier or "", book.currency))
        if rule is None or self.limited <= 0:
            return None
        if self.limited > rule.transfer:
            self.detail = rule.transfer
            return "over_transfer_limit"
        spent = book.spent_on(self.day)
        if spent + self.limited > rule.day:
            self.detail = rule.day - spent
            return "over_day_limit"
        return None

    def _move(self, leg: Leg, found: str | None) -> str | None:
        book = self.ledger.book(leg.account)
        if self.wish.hold_until is None:
            book.balance += leg.amount_minor
        elif leg.amount_minor < 0:
            book.held -= leg.amount_minor
        rule = self.rules.get((book.tier or "", book.currency))
        if leg.amount_minor < 0:
            if book.floor is not None and book.available < book.floor:
                found = found or "not_enough"
        elif self.wish.limited_minor > 0 and rule is not None and book.balance > rule.balance:
            found = found or "over_balance_limit"
        if not book.is_open:
            return "account_closed"
        if leg.amount_minor == 0 or book.currency != self.ledger.book(self.legs[0].account).currency:
            return "invalid"
        return found


def _by_direction(legs: tuple[Leg, ...]) -> dict[tuple[UUID, bool], int]:
    """What each person's account gives, and what it gets. The service's own accounts get what is left."""
    sums: dict[tuple[UUID, bool], int] = {}
    for leg in legs:
        if isinstance(leg.account, UUID):
            direction = (leg.account, leg.amount_minor > 0)
            sums[direction] = sums.get(direction, 0) + abs(leg.amount_minor)
    return sums
