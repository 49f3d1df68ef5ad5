"""Sixty accounts that pay each other at random, and what must hold whoever looks, whenever.

A payment is known by its key alone: everything else about it is drawn from the key. So whoever retries, in whichever process,
asks for the same thing, and the books can be compared with what each key was meant to do.

All amounts are whole thousands of shillings, all names put a letter before a number: none of them reads like a PIN.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from psycopg.errors import OperationalError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock, ids
from core.db import Database, conninfo
from core.errors import Busy
from core.ledger import audit
from core.ledger.chart import EXCISE, FEES, FLOAT, TRUST, WALLET, SystemAccount, list_system_accounts
from core.ledger.poster import Poster
from core.ledger.transfer import Account, Leg, Notice, PostingResult, Transfer
from core.tables.ledger import account

COUNTRY = "KE"
CURRENCIES = ("KES", "UGX")
WALLETS = 25
FLOATS = 5
THOUSAND = 100_000
# Little enough that wallets run dry and some payments are refused.
WALLET_MINOR = 20 * THOUSAND
FLOAT_MINOR = 100 * THOUSAND
KIND = "bank_test"
# Somebody may have crashed in between: what then became of the payment, only a retry can tell.
UNHEARD = (OperationalError, OSError, Busy)

_SYSTEM = dict(list_system_accounts())


class Receipt(msgspec.Struct, frozen=True):
    """What somebody was told about a payment, an item for each transfer of it. `left`: what the people's accounts had then."""

    key: str
    outcomes: list[str]
    transfers: list[UUID]
    left: list[list[int]]

    @property
    def is_done(self) -> bool:
        return all(outcome in ("posted", "repeated") for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is a loss (money that moved in part, or not at all), a double, or what the audit has found."""

    kind: str
    what: str


def wallet(currency: str, number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"bank:{WALLET}:{currency}:{number}")


def float_(currency: str, number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"bank:{FLOAT}:{currency}:{number}")


async def open_accounts(database_url: str) -> None:
    now = clock.now()
    rows = [
        {"id": of(currency, number), "owner": ids.new_id(), "kind": kind, "currency": currency, "floor": 0, "created_at": now}
        for currency in CURRENCIES
        for kind, of, how_many in ((WALLET, wallet, WALLETS), (FLOAT, float_, FLOATS))
        for number in range(how_many)
    ]
    database, poster = Database(database_url), Poster(conninfo(database_url), COUNTRY)
    try:
        async with database.autocommit() as connection:
            await connection.execute(insert(account), rows)
        answers = await asyncio.gather(*(poster.submit(_opening(row)) for row in rows))
        assert all(answer.outcome == "posted" for answer in answers)
    finally:
        await poster.close()
        await database.close()


def _opening(row: Mapping[str, object]) -> Transfer:
    into, currency = row["id"], row["currency"]
    assert isinstance(into, UUID)
    assert isinstance(currency, str)
    minor = WALLET_MINOR if row["kind"] == WALLET else FLOAT_MINOR
    return Transfer(ids.new_id(), into, "opening", "deposit", (Leg(into, minor), Leg(SystemAccount(TRUST, currency), -minor)))


def payment(key: str) -> list[Transfer]:
    """What the key stands for: a transfer, some with a fee and its tax, or a chain of two."""
    draw = random.Random(key)
    currency = draw.choice(CURRENCIES)
    payer, payee = (wallet(currency, number) for number in draw.sample(range(WALLETS), 2))
    agent = float_(currency, draw.randrange(FLOATS))
    minor = draw.randint(2, 9) * THOUSAND
    fees = (Leg(SystemAccount(FEES, currency), THOUSAND), Leg(SystemAccount(EXCISE, currency), THOUSAND))
    paid_in = (Leg(payer, minor), Leg(SystemAccount(TRUST, currency), -minor))
    sold = (Leg(agent, -minor), Leg(payer, minor))
    bought = (Leg(payer, -minor - 2 * THOUSAND), Leg(agent, minor), *fees)
    sent = (Leg(payer, -minor - 2 * THOUSAND), Leg(payee, minor), *fees)
    passed_on = (Leg(payee, -minor), Leg(agent, minor))
    chains: list[list[tuple[Leg, ...]]] = [[paid_in], [sold], [bought], [sent], [sent, passed_on]]
    return [_transfer(f"{key}/{letter}", legs) for letter, legs in zip("ab", draw.choice(chains), strict=False)]


def _transfer(key: str, legs: tuple[Leg, ...]) -> Transfer:
    initiator = legs[0].account
    assert isinstance(initiator, UUID)
    return Transfer(ids.new_id(), initiator, key, KIND, legs, (Notice("+254711000001", "en", "You have {balance}.", 0),))


async def pay(poster: Poster, key: str) -> Receipt:
    wish = payment(key)
    answers: Sequence[PostingResult] = [await poster.submit(wish[0])] if len(wish) == 1 else await poster.submit_chain(wish)
    return Receipt(
        key,
        [answer.outcome for answer in answers],
        [answer.transfer_id for answer in answers],
        [_people_have(transfer, answer) for transfer, answer in zip(wish, answers, strict=True)],
    )


def _people_have(transfer: Transfer, answer: PostingResult) -> list[int]:
    """What was left, without the service's own accounts: those have a stripe a call, and another one when asked again."""
    both = zip(transfer.legs, answer.available_minor, strict=False)  # a refused one has left nothing
    return [minor for leg, minor in both if isinstance(leg.account, UUID)]


async def pay_all(database_url: str, keys: Iterable[str], tellers: int = 32) -> list[Receipt]:
    """Pays what the keys stand for, many at a time. Who hears nothing has no receipt."""
    queue, receipts = iter(keys), []
    poster = Poster(conninfo(database_url), COUNTRY)

    async def serve(queue: Iterator[str]) -> None:
        for key in queue:
            try:
                receipts.append(await pay(poster, key))
            except UNHEARD:
                continue

    try:
        await asyncio.gather(*(serve(queue) for _ in range(tellers)))
    finally:
        await poster.close()
    return receipts


async def glance(connection: AsyncConnection) -> list[str]:
    """What is wrong in one snapshot of the books, seen while everybody pays."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    totals = await connection.execute(
        text("SELECT currency, sum(balance), coalesce(min(balance - held - floor), 0) FROM account GROUP BY currency")
    )
    wrong = [f"{currency}: total {total}, least {least}" for currency, total, least in totals if total != 0 or least < 0]
    journal = await connection.execute(
        text("SELECT a.currency, sum(p.amount) FROM posting p JOIN account a ON a.id = p.account_id GROUP BY a.currency")
    )
    return wrong + [f"{currency}: postings add up to {total}" for currency, total in journal if total != 0]


async def examine(database_url: str, receipts: Iterable[Receipt]) -> tuple[list[Finding], set[str]]:
    """Everything that is wrong, and the keys of the payments that were made."""
    database = Database(database_url)
    try:
        report = await audit.verify(database)
        findings = [Finding("audit", f"{invariant}: {row}") for invariant, row in report.findings]
        async with database.transaction() as connection:
            made = await _made(connection)
    finally:
        await database.close()
    told: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        told[receipt.key].append(receipt)
    keys = {key.partition("/")[0] for key in made}
    for key in keys | told.keys():
        findings += _findings(key, made, told[key])
    return findings, keys


@dataclass(slots=True)
class _Made:
    """What is in the books under one key."""

    transfers: set[UUID]
    effect: "Counter[tuple[Account, int]]"
    notices: int = 0


async def _made(connection: AsyncConnection) -> dict[str, _Made]:
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    made: dict[str, _Made] = defaultdict(lambda: _Made(set(), Counter()))
    rows = await connection.execute(
        text(
            """SELECT t.key, t.id, p.account_id, p.amount FROM transfer t LEFT JOIN posting p ON p.transfer_id = t.id
            WHERE t.kind = :kind"""
        ),
        {"kind": KIND},
    )
    for key, transfer_id, account_id, amount in rows:
        made[key].transfers.add(transfer_id)
        made[key].effect[_SYSTEM.get(account_id, account_id), amount] += 1
    notices = await connection.execute(
        text("SELECT t.key, count(*) FROM outbox o JOIN transfer t ON t.id = o.transfer_id WHERE t.kind = :kind GROUP BY t.key"),
        {"kind": KIND},
    )
    for key, count in notices:
        made[key].notices = count
    return made


def _findings(key: str, made: Mapping[str, _Made], told: Sequence[Receipt]) -> Iterator[Finding]:
    wish = payment(key)
    there = [made[transfer.key] for transfer in wish if transfer.key in made]
    if len(there) not in (0, len(wish)):
        yield Finding("loss", f"{key} was made in part")
    for transfer in wish:
        if transfer.key in made:
            yield from _differences(transfer, made[transfer.key])
    done = [receipt for receipt in told if receipt.is_done]
    if told and there and not done:
        yield Finding("double", f"{key} was refused and made all the same")
    for receipt in done:
        if [{transfer_id} for transfer_id in receipt.transfers] != [one.transfers for one in there]:
            yield Finding("loss", f"{key} was acknowledged as {receipt.transfers} and is not in the books")
        if receipt.transfers != done[0].transfers or receipt.left != done[0].left:
            yield Finding("double", f"{key} was answered in two ways: {done[0]}, {receipt}")


def _differences(transfer: Transfer, one: _Made) -> Iterator[Finding]:
    wished = Counter((leg.account, leg.amount_minor) for leg in transfer.legs)
    if len(one.transfers) > 1 or one.effect - wished or one.notices > len(transfer.notices):
        yield Finding("double", f"{transfer.key} has done more than was asked for: {one}")
    if wished - one.effect or one.notices < len(transfer.notices):
        yield Finding("loss", f"{transfer.key} has done less than was asked for: {one}")
