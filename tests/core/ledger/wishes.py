"""What the model asks of the ledger: wishes drawn without knowing the books, made into transfers by somebody who does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from hypothesis import strategies as st

from core import ids
from core.ledger import holds
from core.ledger.chart import FEES, TRUST, SystemAccount
from core.ledger.transfer import Hold, Leg, Transfer
from tests.core.ledger.reference import Ledger

# A number, or a share of what the giver has.
Amount = int | Literal["all", "one too many", "half"]
KINDS = ("pay", "deposit", "hold", "capture", "part", "void", "reverse", "reverse at most", "again", "conflict", "broken")


@dataclass(frozen=True, slots=True)
class Wish:
    """`giver`, `taker` and `which` count accounts, holds or transfers, as many times around as needed."""

    kind: str
    giver: int
    taker: int
    which: int
    amount: Amount
    fee: int
    is_limited: bool
    damage: str


def amounts() -> st.SearchStrategy[Amount]:
    """From one minor unit to 10^12, every magnitude as likely as the next."""
    magnitudes = st.integers(0, 11).flatmap(lambda digits: st.integers(10**digits, 10 ** (digits + 1)))
    shares: st.SearchStrategy[Amount] = st.sampled_from(["all", "one too many", "half"])
    return st.one_of(magnitudes, shares)


def wishes(*kinds: str) -> st.SearchStrategy[Wish]:
    return st.builds(
        Wish,
        kind=st.sampled_from(kinds or KINDS),
        giver=st.integers(0, 7),
        taker=st.integers(0, 7),
        which=st.integers(0, 5),
        amount=amounts(),
        fee=st.sampled_from([0, 0, 1, 700]),
        is_limited=st.booleans(),
        damage=st.sampled_from(
            ["sum", "currency", "nothing", "no legs", "one leg", "stranger", "over-capture", "backwards", "twice"]
        ),
    )


@dataclass(slots=True)
class Asker:
    """Makes transfers of wishes. `asked` are those made so far, accepted or not."""

    ledger: Ledger
    people: Sequence[UUID]
    asked: list[Transfer]

    def transfer(self, wish: Wish, now: datetime) -> Transfer:
        makers: dict[str, Callable[[Wish], Transfer | None]] = {
            "deposit": self._deposit,
            "hold": lambda wish: holds.reserve(self._payment(wish), now + timedelta(hours=1 + wish.which)),
            "capture": self._capture,
            "part": self._part,
            "void": self._void,
            "reverse": self._reverse,
            "reverse at most": self._reverse_at_most,
            "again": self._again,
            "conflict": self._conflict,
            "broken": self._broken,
        }
        made = makers.get(wish.kind, self._payment)(wish) or self._payment(wish)
        self.asked.append(made)
        return made

    def _payment(self, wish: Wish) -> Transfer:
        giver = self.people[wish.giver % len(self.people)]
        currency = self.ledger.book(giver).currency
        takers = [one for one in self.people if one != giver and self.ledger.book(one).currency == currency]
        minor = self._minor(wish.amount, giver)
        legs = [Leg(giver, -minor - wish.fee), Leg(takers[wish.taker % len(takers)], minor)]
        if wish.fee:
            legs.append(Leg(SystemAccount(FEES, currency), wish.fee))
        return self._new(giver, "send", tuple(legs), minor if wish.is_limited else 0)

    def _deposit(self, wish: Wish) -> Transfer:
        taker = self.people[wish.taker % len(self.people)]
        minor = wish.amount if isinstance(wish.amount, int) else 1_000_000
        trust = SystemAccount(TRUST, self.ledger.book(taker).currency)
        return self._new(taker, "deposit", (Leg(taker, minor), Leg(trust, -minor)), 0)

    def _minor(self, amount: Amount, giver: UUID) -> int:
        available = self.ledger.book(giver).available
        shares = {"all": available, "one too many": available + 1, "half": available // 2}
        return max(amount if isinstance(amount, int) else shares[amount], 1)

    def _hold(self, wish: Wish) -> Hold | None:
        """One of those held lately, settled or not."""
        held = [one for one in self.asked if one.hold_until is not None and one.id in self.ledger.state.journal]
        if not held:
            return None
        chosen = held[-1 - wish.which % len(held)]
        return Hold(chosen.id, chosen.initiator, chosen.legs, chosen.limited_minor)

    def _capture(self, wish: Wish) -> Transfer | None:
        hold = self._hold(wish)
        return None if hold is None else holds.capture(hold, self._key())

    def _part(self, wish: Wish) -> Transfer | None:
        hold = self._hold(wish)
        if hold is None:
            return None
        giver, taker = hold.legs[:2]
        minor = max(taker.amount_minor // (1 + wish.taker), 1)
        limited = minor if hold.limited_minor else 0
        return holds.capture(hold, self._key(), (Leg(giver.account, -minor), Leg(taker.account, minor)), limited)

    def _void(self, wish: Wish) -> Transfer | None:
        hold = self._hold(wish)
        return None if hold is None else holds.give_back(hold, self._key())

    def _reverse(self, wish: Wish) -> Transfer | None:
        done = self._posted(wish)
        if done is None:
            return None
        legs = tuple(Leg(leg.account, -leg.amount_minor) for leg in done.legs)
        return replace(self._new(done.initiator, "reversal", legs, 0), reverses=done.id)

    def _reverse_at_most(self, wish: Wish) -> Transfer | None:
        undoing = self._reverse(wish)
        if undoing is None:
            return None
        _, back = undoing.legs[:2]
        legs = (back, Leg(undoing.legs[0].account, -back.amount_minor))
        return replace(undoing, legs=legs, at_most=True)

    def _posted(self, wish: Wish) -> Transfer | None:
        done = [one for one in self.asked if one.kind == "send" and one.id in self.ledger.state.journal and not one.hold_until]
        return done[-1 - wish.which % len(done)] if done else None

    def _again(self, wish: Wish) -> Transfer | None:
        earlier = self.asked[-1 - wish.which :] if self.asked else []
        return replace(earlier[0], id=ids.new_id()) if earlier else None

    def _conflict(self, wish: Wish) -> Transfer | None:
        again = self._again(wish)
        return None if again is None else replace(again, kind="other")

    def _broken(self, wish: Wish) -> Transfer | None:
        if wish.damage in ("stranger", "over-capture", "backwards"):
            return self._broken_capture(wish)
        whole = self._payment(wish)
        giver, taker = whole.legs[:2]
        other = "UGX" if self.ledger.book(whole.initiator).currency != "UGX" else "KES"
        half = taker.amount_minor // 2 or 1
        legs: dict[str, tuple[Leg, ...]] = {
            "sum": (giver, Leg(taker.account, taker.amount_minor + wish.fee + 1)),
            "currency": (giver, Leg(SystemAccount(FEES, other), -giver.amount_minor)),
            "nothing": (*whole.legs, Leg(taker.account, 0)),
            "no legs": (),
            "one leg": (giver,),
            # Nothing is wrong with this one: an account may have two legs.
            "twice": (giver, Leg(taker.account, half), Leg(taker.account, -giver.amount_minor - half)),
        }
        return replace(whole, legs=legs[wish.damage])

    def _broken_capture(self, wish: Wish) -> Transfer | None:
        hold = self._hold(wish)
        if hold is None:
            return None
        giver, taker = hold.legs[:2]
        more = (Leg(giver.account, giver.amount_minor - 1), Leg(taker.account, 1 - giver.amount_minor))
        backwards = (Leg(taker.account, -1), Leg(giver.account, 1))
        stranger = next(one for one in self.people if one != hold.initiator)
        return {
            "stranger": replace(holds.capture(hold, self._key()), initiator=stranger),
            "over-capture": holds.capture(hold, self._key(), more),
            "backwards": holds.capture(hold, self._key(), backwards),
        }[wish.damage]

    def _new(self, initiator: UUID, kind: str, legs: tuple[Leg, ...], limited: int) -> Transfer:
        return Transfer(ids.new_id(), initiator, self._key(), kind, legs, limited_minor=limited)

    def _key(self) -> str:
        return f"key {len(self.asked)}"
