"""Closing an account: no money is ever caught in it, and nothing of somebody else's is left hanging."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, text

from core import clock
from core.agents import directory
from core.credentials import pins
from core.credentials.refusals import WrongPin
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.customers.refusals import UnknownRecipient
from core.errors import NotPermitted, Refusal, RequestWaits
from core.features import CHECKS, ENDINGS
from core.insurance import claims
from core.jobs import applications
from core.ledger import audit
from core.ledger.refusals import AccountClosed, AccountNotEmpty
from core.membership import closing, registration
from core.membership.refusals import AccountInUse
from core.messaging import notices
from core.money import Money
from core.runtime import Runtime
from core.savings import goals, opening
from core.sending import transfers
from core.tables.insurance import policy
from core.tables.payments import payment
from core.tables.sending import invitation
from gateway import worker
from tests.pins import NEW, RIGHT, WRONG

ASHA, BARAKA, AGENT = "+254711000001", "+254722000002", "+254733000003"
ZAWADI = "+254700000444"


async def found(runtime: Runtime, phone: str) -> Customer:
    customer = await profiles.find(runtime, phone)
    assert customer is not None
    return customer


async def joined(runtime: Runtime, phone: str = ZAWADI, pin: str = RIGHT) -> Customer:
    """Somebody with nothing in her account."""
    return await registration.register(runtime, phone=phone, name="Zawadi Atieno", national_id="33445577", language="en", pin=pin)


async def pay(runtime: Runtime, sender: Customer, phone: str, minor: int, pin: str = RIGHT) -> transfers.SendReceipt:
    return await transfers.send(
        runtime, sender=sender, recipient_phone=phone, amount=Money(minor, "KES"), pin=pin, key=uuid4().hex
    )


async def rows(runtime: Runtime, query: str, **values: object) -> list[tuple[object, ...]]:
    async with runtime.database.autocommit() as connection:
        return [tuple(row) for row in await connection.execute(text(query), values)]


async def findings(runtime: Runtime) -> list[tuple[str, str]]:
    return (await audit.verify(runtime.database, checks=CHECKS)).findings


async def test_an_empty_account_is_closed_with_all_that_is_in_it_and_she_is_told(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    await closing.check_closable(runtime, zawadi, ENDINGS)
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    assert await profiles.find(runtime, ZAWADI) is None
    assert await rows(runtime, "SELECT DISTINCT status FROM account WHERE owner = :owner", owner=zawadi.id) == [("closed",)]
    [[status, closed_at]] = await rows(runtime, "SELECT status, closed_at FROM customer WHERE id = :id", id=zawadi.id)
    assert status == "closed"
    assert closed_at is not None
    while await worker.drain(runtime):
        pass
    assert (await notices.list_inbox(runtime, ZAWADI))[0].body.startswith("Goodbye, Zawadi Atieno.")


async def test_a_wrong_pin_closes_nothing(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    with pytest.raises(WrongPin):
        await closing.close(runtime, zawadi, WRONG, ENDINGS)
    assert await profiles.find(runtime, ZAWADI) == zawadi


async def test_closing_twice_at_once_says_goodbye_once(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    await asyncio.gather(*(closing.close(runtime, zawadi, RIGHT, ENDINGS) for _ in range(3)))
    goodbyes = await rows(runtime, "SELECT body FROM outbox WHERE phone = :phone AND body LIKE 'Goodbye%'", phone=ZAWADI)
    assert len(goodbyes) == 1


async def test_money_anywhere_in_the_account_is_named_and_keeps_it_open(runtime: Runtime) -> None:
    asha, shop = await found(runtime, ASHA), await found(runtime, AGENT)
    goal = await opening.open_goal(runtime, asha, name="School", target=Money(500_000, "KES"), key="goal")
    await goals.save(runtime, asha, goal.id, Money(250_000, "KES"), pin=RIGHT, key="save")
    for customer, left in ((asha, "KES 12,500"), (shop, "KES 100,000")):
        for close in (closing.check_closable(runtime, customer, ENDINGS), closing.close(runtime, customer, RIGHT, ENDINGS)):
            with pytest.raises(AccountNotEmpty) as refused:
                await close
            assert refused.value.params["balance"] == left
    assert await profiles.find(runtime, ASHA) == asha
    assert await rows(runtime, "SELECT DISTINCT status FROM account WHERE owner = :owner", owner=asha.id) == [("open",)]
    assert [one.is_open for one in await goals.list_goals(runtime, asha)] == [True], "a refused closing closed the goal"


async def test_an_empty_goal_and_an_unanswered_application_end_with_the_account(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    goal = await opening.open_goal(runtime, zawadi, name="School", target=Money(500_000, "KES"), key="goal")
    [[job]] = await rows(runtime, "SELECT id FROM job")
    assert isinstance(job, UUID)
    await applications.apply(runtime, zawadi, job)
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    assert await rows(runtime, "SELECT status FROM goal WHERE id = :id", id=goal.id) == [("closed",)]
    assert await rows(runtime, "SELECT status FROM application WHERE worker_id = :id", id=zawadi.id) == [("withdrawn",)]


@pytest.mark.usefixtures("contrived")
async def test_a_job_that_waits_for_her_keeps_the_account_open(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    for column, status in (("employer_id", "open"), ("employer_id", "disputed"), ("worker_id", "hired")):
        await rows(runtime, f"UPDATE job SET {column} = :id, status = '{status}' RETURNING 1", id=zawadi.id)
        with pytest.raises(AccountInUse):
            await closing.close(runtime, zawadi, RIGHT, ENDINGS)
        await rows(
            runtime, "UPDATE job SET employer_id = :id, worker_id = NULL RETURNING 1", id=(await found(runtime, BARAKA)).id
        )
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)


@pytest.mark.usefixtures("contrived")
async def test_a_cover_that_renews_keeps_the_account_open_and_one_that_does_not_ends_with_it(runtime: Runtime) -> None:
    zawadi, today = await joined(runtime), clock.now().date()
    cover = {"id": uuid4(), "customer_id": zawadi.id, "product": "health", "transfer_id": uuid4(), "currency": "KES"}
    days = {"starts": today, "waits_until": today, "ends": today + timedelta(days=30), "created_at": clock.now()}
    async with runtime.database.autocommit() as connection:
        await connection.execute(insert(policy).values(**cover, **days, price=1, cover=1, renews=True))
    with pytest.raises(AccountInUse):
        await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    await rows(runtime, "UPDATE policy SET renews = false RETURNING 1")
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    assert await rows(runtime, "SELECT status FROM policy") == [("ended",)]


@pytest.mark.usefixtures("contrived")
async def test_money_on_its_way_keeps_the_account_open(runtime: Runtime) -> None:
    zawadi, now = await joined(runtime), clock.now()
    await _insert(
        runtime, payment, id=uuid4(), customer_id=zawadi.id, key="k", direction="in", rail="local", phone=ZAWADI, now=now
    )
    with pytest.raises(AccountInUse):
        await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    await rows(runtime, "UPDATE payment SET status = 'refused' RETURNING 1")
    await _insert(runtime, invitation, transfer_id=uuid4(), sender_id=zawadi.id, phone="+254799999999", now=now)
    with pytest.raises(AccountInUse):
        await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    await rows(runtime, "UPDATE invitation SET status = 'credited' RETURNING 1")
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)


async def _insert(runtime: Runtime, table: object, *, now: object, **values: object) -> None:
    ends = {"answer_by": now} if table is payment else {"expires_at": now, "fee": 0}
    async with runtime.database.autocommit() as connection:
        await connection.execute(insert(table).values(**values, **ends, currency="KES", amount=100, created_at=now))  # type: ignore[arg-type]


@pytest.mark.parametrize("head_start", range(12))
async def test_money_that_arrives_while_she_closes_is_hers_or_stays_with_the_sender(runtime: Runtime, head_start: int) -> None:
    """Payers against one who leaves: all check a PIN first, and the payers then do more or less before they pay."""
    asha, zawadi = await found(runtime, ASHA), await joined(runtime)
    quoted = await transfers.quote(runtime, asha, Money(10_000, "KES"))

    async def leave() -> str:
        try:
            await closing.close(runtime, zawadi, RIGHT, ENDINGS)
        except AccountNotEmpty as refusal:
            return refusal.code
        return "closed"

    async def send(payer: int) -> str:
        await pins.check(runtime, asha.id, RIGHT)
        for _ in range(head_start):
            await wallet.get_balance(runtime, asha)
        try:
            await transfers.send_confirmed(runtime, asha, zawadi, quoted, f"payer {payer}")
        except AccountClosed as refusal:
            return refusal.code
        return "paid"

    left, *became = await asyncio.gather(leave(), *(send(payer) for payer in range(2)))
    [[status, balance]] = await rows(runtime, "SELECT status, balance FROM account WHERE id = :id", id=zawadi.wallet)
    assert balance == 10_000 * became.count("paid")
    assert (left, status) == (("account_not_empty", "open") if "paid" in became else ("closed", "closed"))
    assert await findings(runtime) == []


async def test_both_ends_of_the_race_happen(runtime: Runtime) -> None:
    """Whichever comes first: the payment keeps the account open, or the closed account refuses the payment."""
    asha, zawadi, other = await found(runtime, ASHA), await joined(runtime), await joined(runtime, "+254700000445")
    quoted = await transfers.quote(runtime, asha, Money(10_000, "KES"))
    await transfers.send_confirmed(runtime, asha, zawadi, quoted, "first")
    with pytest.raises(AccountNotEmpty):
        await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    await closing.close(runtime, other, RIGHT, ENDINGS)
    with pytest.raises(AccountClosed):
        await transfers.send_confirmed(runtime, asha, other, quoted, "late")
    with pytest.raises(UnknownRecipient):
        await pay(runtime, asha, "+254700000445", 10_000)
    assert (await wallet.get_balance(runtime, asha)).minor == 1_250_000 - 10_000


async def test_the_number_joins_anew_as_somebody_else(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    again = await joined(runtime, pin=NEW)
    assert again.id != zawadi.id
    assert again.wallet != zawadi.wallet
    assert await wallet.list_newest(runtime, again) == []
    receipt = await pay(runtime, await found(runtime, ASHA), ZAWADI, 10_000)
    assert receipt.recipient.id == again.id
    assert (await pay(runtime, again, BARAKA, 10_000, NEW)).balance == Money(0, "KES")
    await closing.close(runtime, again, NEW, ENDINGS)
    assert (await joined(runtime)).id not in (zawadi.id, again.id)


async def test_an_agent_who_has_closed_is_found_by_no_customer(runtime: Runtime) -> None:
    zawadi = await joined(runtime)
    shop = await directory.add(runtime, ZAWADI, "Zawadi Shop", "Kibera")
    assert (await directory.get_by_number(runtime, shop.number)).number == shop.number
    await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    with pytest.raises(Refusal) as refused:
        await directory.get_by_number(runtime, shop.number)
    assert refused.value.code == "unknown_agent"


@pytest.mark.usefixtures("contrived")
async def test_a_claim_made_while_the_account_closes_is_refused_and_none_is_left_that_nobody_could_be_paid(
    runtime: Runtime,
) -> None:
    zawadi, today, cover_id = await joined(runtime), clock.now().date(), uuid4()
    cover = {"id": cover_id, "customer_id": zawadi.id, "product": "hospital_cash", "transfer_id": uuid4(), "currency": "KES"}
    days = {"starts": today, "waits_until": today, "ends": today + timedelta(days=30), "created_at": clock.now()}
    async with runtime.database.autocommit() as connection:
        await connection.execute(insert(policy).values(**cover, **days, price=1, cover=1, renews=False))
    outcomes = await asyncio.gather(
        closing.close(runtime, zawadi, RIGHT, ENDINGS),
        *(claims.submit(runtime, zawadi, cover_id, "A fall", today, f"claim {number}") for number in range(3)),
        return_exceptions=True,
    )
    assert {type(one) for one in outcomes} <= {type(None), AccountInUse, NotPermitted, RequestWaits, claims.Claim}, outcomes
    [[status]] = await rows(runtime, "SELECT status FROM customer WHERE id = :id", id=zawadi.id)
    [[waiting]] = await rows(runtime, "SELECT count(*) FROM claim WHERE status = 'waiting'")
    assert (status, waiting) in (("closed", 0), ("active", 1))
    if status == "active":
        await rows(runtime, "UPDATE claim SET status = 'declined' RETURNING 1")
        await closing.close(runtime, zawadi, RIGHT, ENDINGS)
    with pytest.raises(NotPermitted):
        await claims.submit(runtime, zawadi, cover_id, "A fall", today, "late")
