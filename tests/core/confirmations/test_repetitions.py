"""A request that comes again gets its first answer, whatever has changed since. A new service that forgets it fails here."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import core
from core import ids, inventory
from core.agents.floats import FloatReceipt
from core.credentials import pins
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.errors import KeyConflict
from core.hashing import PinHasher
from core.insurance import products
from core.inventory import list_refusals
from core.ledger import accounts, tariffs
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.membership import registration
from core.operations import switches
from core.refusing import finder_of
from core.runtime import Runtime
from core.sending import transfers
from tests import pins as typed
from tests.core.confirmations.repeated import REQUESTS, WITHOUT_AMOUNT
from tests.core.counter import ASHA, BARAKA, NJERI, change, check_books, held, kes, one, person
from tests.core.operations.turning import turn_off

KEYS = {"key", "reference", "approval_id"}
# These take a key, and nobody asks them again for what they did.
WITHOUT = {
    "core.jobs.escrow": "it works within the transaction of hiring, which answers",
    "core.orders.sms_orders.place_send": "it moves nothing: what it places is answered by its code, or as an approval",
}


@dataclass(frozen=True)
class World:
    """Where a request comes again, and who it is for there."""

    runtime: Runtime
    receiver: str
    patch: pytest.MonkeyPatch


def services() -> Iterator[Callable[..., Any]]:
    """Every service that does something once for each key."""
    listed = [
        value
        for module in inventory._modules(core)
        for name, value in vars(module).items()
        if inspect.iscoroutinefunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    finders = {finder_of(service) for service in listed}
    for service in listed:
        parameters = {*inspect.signature(service).parameters}
        if "runtime" in parameters and parameters & KEYS and service not in finders:
            yield service


def path(service: Callable[..., Any]) -> str:
    return f"{service.__module__}.{service.__qualname__}"


def forgetful(listed: Iterator[Callable[..., Any]]) -> list[str]:
    return [path(service) for service in listed if finder_of(service) is None and not path(service).startswith(tuple(WITHOUT))]


async def _moves(runtime: object, key: str) -> None: ...


def test_every_service_with_a_key_says_how_it_answers_a_repetition() -> None:
    assert forgetful(services()) == []
    assert forgetful(iter([_moves])) == [path(_moves)]


def test_every_service_with_a_key_is_asked_again_below() -> None:
    kept = {path(service) for service in services() if not path(service).startswith(tuple(WITHOUT))}
    assert {name.partition(" ")[0] for name in REQUESTS} == kept


async def give_another_pin(world: World) -> None:
    for phone in (ASHA, NJERI):
        customer = await person(world.runtime, phone)
        hashed = await pins.hash_new(world.runtime, customer.id, phone, typed.NEW)
        async with world.runtime.database.transaction() as connection:
            assert await pins.replace(connection, customer.id, hashed)


async def lock_the_pin(world: World) -> None:
    await change(world.runtime, "UPDATE pin SET failures = 3, locked_at = changed_at")


async def take_the_money(world: World) -> None:
    asha = await person(world.runtime, ASHA)
    left = await wallet.get_balance(world.runtime, asha)
    legs = (Leg(asha.wallet, -left.minor), Leg(SystemAccount(TRUST, left.currency), left.minor))
    assert (await world.runtime.poster.submit(Transfer(ids.new_id(), asha.wallet, "all", "deposit", legs))).is_done


async def raise_every_price(world: World) -> None:
    dear = tuple(
        replace(tariff, bands=tuple(replace(band, fee=band.fee + band.fee) for band in tariff.bands))
        for tariff in tariffs._tariffs()
    )
    world.patch.setattr(tariffs, "_tariffs", lambda: dear)
    dear_products = tuple(replace(product, price=product.price + product.price) for product in products._products())
    world.patch.setattr(products, "_products", lambda: dear_products)


async def give_the_number_another_owner(world: World) -> None:
    receiver = await profiles.find(world.runtime, world.receiver)
    if receiver is not None:
        async with world.runtime.database.transaction() as connection:
            await profiles.close(connection, receiver.id)
            await accounts.close_all(connection, receiver.id)
    await registration.register(
        world.runtime, phone=world.receiver, name="Neema Achieng", national_id="22345678", language="sw", pin=typed.NEW
    )


async def switch_everything_off(world: World) -> None:
    for name in {refusal.switch for refusal in list_refusals() if refusal.switch} | {switches.rail("local")}:
        await turn_off(world.runtime, name)


CHANGES: tuple[Callable[[World], Awaitable[None]], ...] = (
    take_the_money,
    raise_every_price,
    give_another_pin,
    lock_the_pin,
    give_the_number_another_owner,
    switch_everything_off,
)


def as_first(answer: object) -> object:
    """A receipt of float says whether it is new, and a customer who was asked has a request now. All else is the same again."""
    if isinstance(answer, Customer):
        return replace(answer, has_approvals=False)
    return replace(answer, is_new=True) if isinstance(answer, FloatReceipt) else answer


async def _counts(runtime: Runtime) -> list[str]:
    return [await one(runtime, f"SELECT count(*) FROM {table}") for table in ("transfer", "payment", "approval", "outbox")]


@pytest.mark.usefixtures("contrived")
@pytest.mark.parametrize("service", REQUESTS)
async def test_a_request_that_comes_again_gets_its_first_answer_whatever_has_changed(
    runtime: Runtime, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await REQUESTS[service](runtime)
    first = await request.ask(typed.RIGHT)
    counted = await _counts(runtime)
    assert as_first(await request.ask(typed.RIGHT)) == first
    assert await _counts(runtime) == counted
    for take_place in CHANGES:
        await take_place(World(runtime, request.receiver, monkeypatch))
        counted = await _counts(runtime)
        assert as_first(await request.ask(typed.RIGHT)) == first, take_place.__name__
        assert await _counts(runtime) == counted, take_place.__name__


@pytest.mark.usefixtures("contrived")
@pytest.mark.parametrize("service", REQUESTS)
async def test_a_key_that_is_done_says_of_no_pin_whether_it_is_right_and_stands_for_no_other_request(
    runtime: Runtime, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = await REQUESTS[service](runtime)
    first = await request.ask(typed.RIGHT)
    tries, counted = await one(runtime, "SELECT sum(tries) FROM pin"), await _counts(runtime)
    for pin in (typed.WRONG, typed.OTHER_WRONG, typed.WRONG, "no PIN"):
        assert as_first(await request.ask(pin)) == as_first(first)
    if service not in WITHOUT_AMOUNT:
        for pin in (typed.RIGHT, typed.WRONG):
            with pytest.raises(KeyConflict):
                await request.ask(pin, units=499)
        await give_the_number_another_owner(World(runtime, request.receiver, monkeypatch))
        counted = await _counts(runtime)
        with pytest.raises(KeyConflict):
            await request.ask(typed.RIGHT, units=499)
    assert await _counts(runtime) == counted
    assert await one(runtime, "SELECT sum(failures) || ' ' || sum(tries) FROM pin") == f"0 {tries}"


@pytest.mark.usefixtures("contrived")
@pytest.mark.parametrize("service", REQUESTS)
async def test_whoever_is_overtaken_by_the_same_request_at_the_pin_gets_its_answer_and_moves_nothing(
    runtime: Runtime, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that overtook is done, prices have gone up, and the receiver has left by then."""
    request = await REQUESTS[service](runtime)
    matches = PinHasher.matches
    overtaking: list[Any] = []

    async def overtake(hasher: PinHasher, hashed: str, pin: str, customer_id: UUID) -> bool:
        if not overtaking:
            overtaking.append(None)
            overtaking.append(await request.ask(typed.RIGHT))
            for take_place in (raise_every_price, give_the_number_another_owner):
                await take_place(World(runtime, request.receiver, monkeypatch))
            overtaking.append(await _counts(runtime))
        return await matches(hasher, hashed, pin, customer_id)

    monkeypatch.setattr(PinHasher, "matches", overtake)
    answer = await request.ask(typed.RIGHT)
    if overtaking:
        _, first, counted = overtaking
        assert as_first(answer) == as_first(first)
        assert await _counts(runtime) == counted
    monkeypatch.undo()
    assert as_first(await request.ask(typed.RIGHT)) == as_first(answer)


async def test_two_at_once_on_both_sides_of_a_new_tariff_move_the_money_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = await person(runtime, ASHA)

    async def send() -> transfers.SendReceipt:
        return await transfers.send(runtime, sender=asha, recipient_phone=BARAKA, amount=kes(500), pin=typed.RIGHT, key="k")

    async def until_held_up(requests: int) -> None:
        while runtime.poster._locked[asha.wallet] < requests:
            await one(runtime, "SELECT 1")

    async with runtime.database.transaction() as connection:
        await connection.execute(text("SELECT FROM account WHERE id = :id FOR UPDATE"), {"id": asha.wallet})
        tasks = [asyncio.create_task(send())]
        await until_held_up(1)
        await raise_every_price(World(runtime, BARAKA, monkeypatch))
        tasks.append(asyncio.create_task(send()))
        await until_held_up(2)
    receipts = await asyncio.gather(*tasks)
    assert receipts[0] == receipts[1]
    assert receipts[0].fee in (kes(7), kes(14))
    assert await held(runtime, ASHA) == 1_250_000 - 50_000 - receipts[0].fee.minor
    await check_books(runtime)


@pytest.mark.usefixtures("contrived")
async def test_a_receiver_who_leaves_right_after_the_money_came_makes_nobody_read_that_nothing_was_done(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, find = await person(runtime, ASHA), profiles.find
    first: list[transfers.SendReceipt] = []

    async def send() -> transfers.SendReceipt:
        return await transfers.send(runtime, sender=asha, recipient_phone=BARAKA, amount=kes(500), pin=typed.RIGHT, key="k")

    async def find_late(of: Runtime, phone: str) -> Customer | None:
        monkeypatch.setattr(profiles, "find", find)
        first.append(await send())
        await give_the_number_another_owner(World(of, BARAKA, monkeypatch))
        return None if phone == BARAKA else await find(of, phone)

    monkeypatch.setattr(profiles, "find", find_late)
    assert [await send()] == first
