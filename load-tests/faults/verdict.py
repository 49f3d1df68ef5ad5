"""Was what customers read true? Every sentence is held against what stands in the books at the end."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from core import ids

# By its number of cents: Jasho writes whole shillings where there are none.
_MONEY = r"KES ([\d,]+(?:\.\d\d)?)"
_CONFIRMED = re.compile(rf"([0-9A-Z]{{10}}) confirmed\. {_MONEY} sent to .*?Balance {_MONEY}\.", re.DOTALL)
_RECEIVED = re.compile(rf"([0-9A-Z]{{10}}) confirmed\. You received {_MONEY} from .*?Balance {_MONEY}\.", re.DOTALL)
_BALANCE = re.compile(rf"(?:Your balance is|You have) {_MONEY}\.")
_LAST = re.compile(rf"This is done already:\n([0-9A-Z]{{10}}) -{_MONEY} ")
_DONE_ALREADY = re.compile(rf"This is done already: ([0-9A-Z]{{10}}), {_MONEY} to ")
# "Nothing was done again" tells of what was done.
_NOTHING = re.compile(r"[Nn]othing was (?:done(?! again)|sent)|: nothing sent")
_WRONG = re.compile(r"Wrong (?:PIN|code)")
_TRIES_LEFT = re.compile(r"Wrong PIN\. Tries left: (\d+)\.")
_LOCKED = "locked after 3 wrong tries"
_TOO_POOR = re.compile(rf"Not enough money\. You need {_MONEY}\.")
# Nobody sends another code by SMS than the one that she has just got.
_WRONG_CODE = re.compile(r"Wrong code|No order of yours waits for this code")
_TERMS = re.compile(rf"Send {_MONEY} to .*Enter PIN", re.DOTALL)
# What promises nothing, and denials, which are held against the books. No other reason to deny is a true one here: no fee rises,
# nothing is switched off, and no number gets a new owner.
OPEN = (
    "Sorry, we cannot answer now. Nothing was done.",
    "We are very busy. Nothing was done.",
    "We cannot move money just now. Nothing was done.",
    "We are still working",
    "It may have been done.",
    "look before you repeat",
    "Check Balance",
    "Send money to which number?",
    "How much to",
    "Continue where you left off?",
    "Reply OK",
    "This session is over",
    "This code has ended",
    "Choose a number below",
    "to save, send and receive money. We never ask for your PIN",
)
MOST_WRONG = 3


@dataclass(frozen=True, slots=True)
class Transfer:
    """`paid_minor`: what left the sender's wallet, the fee included. `sender_version`: of her wallet after it."""

    id: UUID
    sender: str
    recipient: str
    amount_minor: int
    sender_balance_minor: int
    recipient_balance_minor: int
    is_whole: bool
    paid_minor: int
    sender_version: int

    @property
    def reference(self) -> str:
        return ids.reference(self.id)


@dataclass(frozen=True, slots=True)
class Books:
    """`balances`: of each phone's wallet after each of its postings, the first one's version is 1."""

    transfers: Sequence[Transfer]
    balances: Mapping[str, Sequence[int]]


@dataclass(eq=False, slots=True)
class Payment:
    """What a customer wanted once. No other payment of hers has this amount. `is_agreed`: by a right PIN, or by its code."""

    sender: str
    recipient: str
    amount_minor: int
    is_agreed: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What a phone showed. `payment`: which of hers it denies, where it denies one. `about`: which its session is about.

    `versions`: of her wallet before she sent and after she had read; None: the last one. `wrong_pins`: how many she had typed
    since the last right one. `typed`: "right" or "wrong", where it answers a PIN. `is_agreed`: she had agreed by then. `answers`:
    which hop, for whoever looks into it.
    """

    phone: str
    text: str
    payment: Payment | None = None
    about: Payment | None = None
    is_agreed: bool = False
    is_sms: bool = False
    versions: tuple[int, int | None] | None = None
    wrong_pins: int = 0
    typed: str = ""
    answers: str = ""


@dataclass
class Verdict:
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)
    # Money that moved without anybody's yes.
    unasked: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    # Of which payer or payee has no SMS, and SMS about money that came twice.
    untold: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    # Sentences that nobody has taught it: an untrue one may be among them.
    unread: Counter[str] = field(default_factory=Counter)


def judge(
    books: Books, payments: Iterable[Payment], readings: Sequence[Reading], *, doubted: Collection[str] = frozenset()
) -> Verdict:
    """`doubted`: phones that wait behind an SMS of which nobody knows whether it has left."""
    verdict = Verdict()
    made: dict[tuple[str, str, int], list[Transfer]] = defaultdict(list)
    for transfer in books.transfers:
        made[transfer.sender, transfer.recipient, transfer.amount_minor].append(transfer)
        if not transfer.is_whole:
            verdict.halves.append(transfer.reference)
    agreed = set()
    for payment in payments:
        done = made[_terms(payment)]
        if payment.is_agreed:
            agreed.add(_terms(payment))
        if len(done) > 1:
            verdict.doubled.append(" ".join(transfer.reference for transfer in done))
    verdict.unasked += [transfer.reference for transfer in books.transfers if _terms(transfer) not in agreed]
    by_reference = {transfer.reference: transfer for transfer in books.transfers}
    for reading in readings:
        reason = (
            _untrue_receipt(reading, by_reference, verdict)
            or _untrue_look_back(reading, by_reference, [] if reading.payment is None else made[_terms(reading.payment)])
            or _untruth(reading, books, is_paid=reading.payment is not None and bool(made[_terms(reading.payment)]))
        )
        if reason:
            verdict.untrue.append(f"{reason}: {reading.phone} read {reading.text!r} after {reading.answers}")
        elif not _is_understood(reading.text):
            verdict.unread[reading.text] += 1
    _count_receipts(books, readings, doubted, verdict)
    return verdict


def _count_receipts(books: Books, readings: Iterable[Reading], doubted: Collection[str], verdict: Verdict) -> None:
    """Of each transfer payer and payee get one SMS."""
    receipts: Counter[tuple[str, str]] = Counter()
    for reading in readings:
        if reading.is_sms:
            for pattern in (_CONFIRMED, _RECEIVED):
                receipts.update((reading.phone, reference) for reference, _, _ in pattern.findall(reading.text))
    verdict.twice += [f"{phone} {reference}" for (phone, reference), times in receipts.items() if times > 1]
    for transfer in books.transfers:
        for phone in (transfer.sender, transfer.recipient):
            if phone not in doubted and not receipts[phone, transfer.reference]:
                verdict.untold.append(f"{phone} {transfer.reference}")


def _terms(payment: Payment | Transfer) -> tuple[str, str, int]:
    return payment.sender, payment.recipient, payment.amount_minor


def _untrue_receipt(reading: Reading, transfers: Mapping[str, Transfer], verdict: Verdict) -> str:
    """Why a receipt in it is untrue. One without any transfer is money lost."""
    for pattern, is_sender in ((_CONFIRMED, True), (_RECEIVED, False)):
        for reference, amount, balance in pattern.findall(reading.text):
            transfer = transfers.get(reference)
            if transfer is None:
                verdict.lost.append(f"{reading.phone} read {reading.text!r}")
                continue
            reader = transfer.sender if is_sender else transfer.recipient
            left = transfer.sender_balance_minor if is_sender else transfer.recipient_balance_minor
            if (reader, transfer.amount_minor, left) != (reading.phone, _minor(amount), _minor(balance)):
                return "another transfer"
            if is_sender and not reading.is_sms:
                if reading.about is None or _terms(reading.about) != _terms(transfer):
                    return "the receipt of another payment"
                if not reading.is_agreed:
                    return "a receipt before she had agreed"
    return ""


def _untrue_look_back(reading: Reading, transfers: Mapping[str, Transfer], made: Sequence[Transfer]) -> str:
    """Why what it tells of an earlier payment is untrue. `made`: what became of the one that she looks for."""
    for pattern in (_LAST, _DONE_ALREADY):
        for reference, amount in pattern.findall(reading.text):
            transfer = transfers.get(reference)
            if transfer is None:
                return "it was never done"
            moved = transfer.paid_minor if pattern is _LAST else transfer.amount_minor
            if transfer.sender != reading.phone or moved != _minor(amount):
                return "another transfer"
            if pattern is _LAST and any(_is_hidden(wanted, transfer, reading) for wanted in made):
                return "hers was a later one"
            if pattern is _DONE_ALREADY and reading.payment is not None and _terms(reading.payment) != _terms(transfer):
                return "another payment was done"
    return ""


def _is_hidden(wanted: Transfer, shown: Transfer, reading: Reading) -> bool:
    """Was the one that she looks for made after the one that is shown, and before she looked?"""
    return reading.versions is not None and shown.sender_version < wanted.sender_version <= reading.versions[0]


def _untruth(reading: Reading, books: Books, *, is_paid: bool) -> str:
    """Why the sentence is untrue; empty where it is not, as far as anybody can tell."""
    if is_paid and _NOTHING.search(reading.text):
        return "it was done"
    if _LOCKED in reading.text and reading.wrong_pins < MOST_WRONG:
        return f"{reading.wrong_pins} wrong tries"
    if (reading.typed == "right" and _WRONG.search(reading.text)) or (reading.is_sms and _WRONG_CODE.search(reading.text)):
        return "it was right"
    terms = _TERMS.search(reading.text)
    if terms is not None and reading.about is not None and _minor(terms[1]) != reading.about.amount_minor:
        return "the terms of another payment"
    needed = _TOO_POOR.search(reading.text)
    if needed is not None and min(_balances(reading, books), default=0) >= _minor(needed[1]):
        return "she had enough"
    tries_left = _TRIES_LEFT.search(reading.text)
    if tries_left is not None and not max(MOST_WRONG - reading.wrong_pins, 1) <= int(tries_left[1]) < MOST_WRONG:
        return f"{reading.wrong_pins} wrong tries"
    shown = _BALANCE.search(reading.text)
    if shown is not None and reading.versions is not None and _minor(shown[1]) not in _balances(reading, books):
        return "she had another balance"
    return ""


def _balances(reading: Reading, books: Books) -> Sequence[int]:
    """Those that she had while she waited for what she reads."""
    first, last = reading.versions or (0, None)
    return books.balances[reading.phone][max(first - 1, 0) : last]


def _is_understood(text: str) -> bool:
    patterns = (_CONFIRMED, _RECEIVED, _BALANCE, _WRONG, _LAST, _DONE_ALREADY, _TOO_POOR, _TERMS)
    return _LOCKED in text or any(words in text for words in OPEN) or any(pattern.search(text) for pattern in patterns)


def _minor(written: str) -> int:
    whole, _, cents = written.replace(",", "").partition(".")
    return int(whole) * 100 + int(cents or 0)


def read_books(database_url: str, phones: Sequence[str]) -> Books:
    """Of these phones' wallets, and the transfers between them."""
    with psycopg.connect(database_url) as connection:
        owners = {
            row[0]: row[1]
            for row in connection.execute(
                """SELECT account.id, phone FROM account JOIN customer ON customer.id = account.owner
                   WHERE account.kind = 'wallet' AND phone = ANY(%s)""",
                [list(phones)],
            )
        }
        balances: dict[str, list[int]] = {phone: [] for phone in phones}
        moved: dict[UUID, list[tuple[str, int, int, int]]] = defaultdict(list)
        sums: dict[UUID, int] = defaultdict(int)
        rows = connection.execute(
            """SELECT account_id, transfer_id, amount, balance_after FROM posting JOIN transfer ON transfer.id = transfer_id
               ORDER BY account_id, version"""
        )
        for account_id, transfer_id, amount, balance_after in rows:
            sums[transfer_id] += amount
            if account_id in owners:
                balances[owners[account_id]].append(balance_after)
                moved[transfer_id].append((owners[account_id], amount, balance_after, len(balances[owners[account_id]])))
        kinds = connection.execute("SELECT id FROM transfer WHERE kind = 'send'")
        transfers = [_transfer(row[0], moved[row[0]], sums[row[0]]) for row in kinds]
    return Books(transfers, balances)


def _transfer(transfer_id: UUID, legs: Sequence[tuple[str, int, int, int]], total: int) -> Transfer:
    payer = next((leg for leg in legs if leg[1] < 0), ("", 0, 0, 0))
    payee = next((leg for leg in legs if leg[1] > 0), ("", 0, 0, 0))
    is_whole = total == 0 and bool(payer[0]) and bool(payee[0])
    return Transfer(transfer_id, payer[0], payee[0], payee[1], payer[2], payee[2], is_whole, -payer[1], payer[3])
