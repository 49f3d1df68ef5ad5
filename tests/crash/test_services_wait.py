"""A service that posts in its own transaction: what it does when somebody keeps a row locked, and what it does last."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from core.credentials import codes
from core.customers import profiles
from core.errors import Busy
from core.hashing import code_digits
from core.ledger import post as post_module
from core.ledger.chart import FEES, SystemAccount
from core.ledger.post import post_on_driver, post_one
from core.ledger.transfer import Transfer
from core.money import Money
from core.orders import sms_orders
from core.refusing import refuses
from core.runtime import Runtime
from core.sending import transfers
from core.settings import Settings
from tests import pins
from tests.core.ledger.shop import COUNTRY, Shop, payment
from tests.crash.gifts import waits_for_lock
from tests.phone import Phone
from tests.posting_last import GoesOn

FEE_STRIPE = SystemAccount(FEES, "KES").stripe(7)


@pytest.fixture
def shop(runtime: Runtime) -> Shop:
    return Shop(runtime)


@asynccontextmanager
async def holding(settings: Settings, account: UUID) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(settings.database_url) as holder:
        await holder.execute("SELECT FROM account WHERE id = %s FOR UPDATE", [account])
        yield
        await holder.rollback()


async def served(shop: Shop, transfer: Transfer) -> str:
    """As a service posts: with rows of its own, and undone as a whole where it fails."""
    async with shop.runtime.database.transaction() as connection:
        return (await post_one(connection, transfer, country=COUNTRY, currency="KES")).outcome


async def test_a_service_takes_another_stripe_where_one_is_locked(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, juma = await shop.person(10_000), await shop.person()
    monkeypatch.setattr("random.randrange", lambda least, most=None: 7 if most is None else least)
    async with holding(settings, FEE_STRIPE):
        assert await served(shop, payment(asha, juma, 100, fee=23)) == "posted"
    assert await shop.findings() == []


@pytest.mark.race("core/ledger/post.sql:ledger_post_2")
async def test_a_service_that_waits_for_one_wallet_keeps_no_other_one_from_anybody(shop: Shop, settings: Settings) -> None:
    low, high = sorted([await shop.person(10_000), await shop.person(10_000)])
    payee = await shop.person()
    async with holding(settings, high):
        waiting = asyncio.ensure_future(served(shop, payment(low, high, 100)))
        await waits_for_lock(settings.database_url)
        # It has locked the lower one by now, and lets go of it when it has waited a little.
        assert await shop.outcome(payment(low, payee, 100)) == "posted"
        assert not waiting.done()
    assert await waiting == "posted"
    assert await shop.findings() == []


async def test_a_service_that_waits_for_long_holds_the_other_wallet_for_short_turns_only(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    low, high = sorted([await shop.person(10_000), await shop.person(10_000)])
    waits: list[int] = []
    many = asyncio.Event()

    async def counted(*given: object, **how: int) -> object:
        waits.append(how["wait_ms"])
        if len(waits) == 20:
            many.set()
        return await post_on_driver(*given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(post_module, "post_on_driver", counted)
    async with holding(settings, high):
        waiting = asyncio.ensure_future(served(shop, payment(low, high, 100)))
        await asyncio.wait({waiting, asyncio.ensure_future(many.wait())}, return_when=asyncio.FIRST_COMPLETED)
        assert many.is_set()
    assert await waiting == "posted"
    assert waits[:20] == [100, *[20] * 7, 400, *[20] * 7, 400, *[20] * 3]


async def test_a_service_that_a_deadlock_has_thrown_out_posts_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asha, juma = await shop.person(10_000), await shop.person()
    calls = []

    async def thrown_out(driver: "psycopg.AsyncConnection[tuple[object, ...]]", *given: object, **how: object) -> object:
        calls.append(how["stripe"])
        if len(calls) == 1:
            await driver.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")
        return await post_on_driver(driver, *given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(post_module, "post_on_driver", thrown_out)
    assert await served(shop, payment(asha, juma, 100)) == "posted"
    assert len(set(calls)) == 2
    assert await shop.balance(juma) == 100


async def test_a_service_that_waits_too_long_undoes_its_work(
    shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_module, "_PATIENCE_SECONDS", 0.2)
    asha, juma = await shop.person(10_000), await shop.person()
    async with holding(settings, asha):
        with pytest.raises(Busy):
            await served(shop, payment(asha, juma, 100))
    assert (await shop.balance(asha), await shop.balance(juma)) == (10_000, 0)


@pytest.mark.usefixtures("contrived")
@pytest.mark.parametrize("error", ["deadlock_detected", "lock_not_available", "serialization_failure"])
async def test_a_row_of_a_services_own_that_stays_locked_is_told_as_busy_and_asked_for_again(
    phone: Callable[[str], Phone], runtime: Runtime, settings: Settings, error: str
) -> None:
    async with await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True) as owner:
        await owner.execute(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE {error}; END'".encode())
        await owner.execute("CREATE TRIGGER refuse BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION refuse()")
        asha = phone("0711000001")
        await asha.dial()
        screen = await asha.type("3", "2", "500", pins.RIGHT)
        assert screen.text.startswith("We are very busy. Nothing was done.")
        async with runtime.database.autocommit() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM open_hold")) == 0
        await owner.execute("DROP TRIGGER refuse ON payment")
        await asha.dial()
        await asha.type("3", "2", "500", pins.RIGHT)
        async with runtime.database.autocommit() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM payment")) == 1


@pytest.mark.usefixtures("contrived")
async def test_a_code_whose_order_met_a_locked_row_can_be_sent_again(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    asha = await profiles.find(runtime, "+254711000001")
    assert asha is not None
    placed = await sms_orders.place_send(runtime, asha, "+254722000002", Money(10_000, "KES"), "order")
    assert placed.code_id is not None
    code = code_digits(runtime.settings.pin_pepper, placed.code_id, codes.SMS)
    with monkeypatch.context() as busy:

        @refuses(Busy)
        async def meets_a_locked_row(*_: object) -> None:
            raise Busy

        busy.setattr(transfers, "send_confirmed", meets_a_locked_row)
        with pytest.raises(Busy):
            await sms_orders.confirm(runtime, asha, code)
    done = await sms_orders.confirm(runtime, asha, code)
    assert done.amount == Money(10_000, "KES")


async def test_a_service_whose_payment_is_refused_lets_go_of_the_wallet(shop: Shop, settings: Settings) -> None:
    """What it still does then, such as telling why, keeps nobody waiting."""
    poor, payee = await shop.person(50), await shop.person()
    async with shop.runtime.database.transaction() as connection:
        [answer] = await post_module.post(connection, [payment(poor, payee, 100)], COUNTRY)
        assert answer.outcome == "not_enough"
        async with await psycopg.AsyncConnection.connect(settings.database_url) as other:
            await other.execute("SELECT FROM account WHERE id = %s FOR UPDATE NOWAIT", [poor])


async def test_a_service_that_goes_on_after_it_has_posted_is_noticed_by_every_test(shop: Shop) -> None:
    asha, juma = await shop.person(10_000), await shop.person()

    async def goes_on() -> None:
        async with shop.runtime.database.transaction() as connection:
            await post_one(connection, payment(asha, juma, 100), country=COUNTRY, currency="KES")
            await connection.execute(text("SELECT 1"))

    with pytest.raises(GoesOn):
        await goes_on()
    assert await shop.balance(juma) == 0
