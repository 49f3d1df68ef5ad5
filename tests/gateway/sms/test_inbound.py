"""SMS that come in: each is answered once, a code moves money once, and what was written is kept nowhere."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import func, select, text, update

from core import clock, hashing, septets
from core.credentials import codes, pins
from core.credentials.refusals import PinLocked, WrongPin
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.ledger import tariffs
from core.messaging import inbound, notices, optouts
from core.money import Money
from core.runtime import Runtime
from core.savings import opening
from core.sending import transfers
from core.tables.credentials import pin as pin_table
from core.tables.messaging import inbound as inbound_table
from gateway import worker
from gateway.sms.inbound import Sms
from tests import pins as typed
from tests.clocks import move_clock

ASHA, BARAKA = "+254711000001", "+254722000002"
CALLBACK = "/api/sms/africastalking/local/inbound"


class Handset:
    """A phone that writes SMS to the service and reads what it gets."""

    def __init__(self, client: httpx2.AsyncClient, runtime: Runtime, number: str) -> None:
        self.client, self.runtime, self.number = client, runtime, number

    async def send(self, body: str, *, sms_id: str = "", **fields: str) -> httpx2.Response:
        form = {"id": sms_id or uuid4().hex, "from": self.number, "to": "22384", "text": body, "date": "2026-01-02T10:00:00Z"}
        return await self.client.post(CALLBACK, data={**form, **fields})

    async def ask(self, body: str) -> str:
        """What comes back for an SMS."""
        before = len(await self.read())
        assert (await self.send(body)).status_code == 200
        got = await self.read()
        assert len(got) == before + 1, got
        return got[0]

    async def read(self) -> list[str]:
        """Every SMS so far, newest first."""
        while await worker.drain(self.runtime):
            pass
        return [message.body for message in await notices.list_inbox(self.runtime, self.number, most=100)]

    async def order(self, body: str) -> str:
        """Sends an order and returns the code that comes back."""
        answer = await self.ask(body)
        return answer.partition("OK ")[2][:4]


@pytest.fixture
async def asha(client: httpx2.AsyncClient, runtime: Runtime) -> Handset:
    return Handset(client, runtime, ASHA)


async def wallet_minor(runtime: Runtime, phone: str) -> int:
    found = await profiles.find(runtime, phone)
    assert found is not None
    return (await wallet.get_balance(runtime, found)).minor


async def customer(runtime: Runtime, phone: str) -> Customer:
    found = await profiles.find(runtime, phone)
    assert found is not None
    return found


async def test_an_sms_delivered_again_is_answered_once(asha: Handset) -> None:
    before = len(await asha.read())
    responses = await asyncio.gather(*(asha.send("BAL", sms_id="same") for _ in range(5)))
    # Whoever comes while the first is at work is told to come again, and then finds it done.
    assert {response.status_code for response in responses} <= {200, 503}
    assert (await asha.send("BAL", sms_id="same")).status_code == 200
    assert len(await asha.read()) == before + 1


async def test_an_order_delivered_again_does_not_make_its_code_worthless(asha: Handset, runtime: Runtime) -> None:
    assert (await asha.send("SEND 500 0722000002", sms_id="order")).status_code == 200
    code = (await asha.read())[0].partition("OK ")[2][:4]
    assert (await asha.send("SEND 500 0722000002", sms_id="order")).status_code == 200
    assert "confirmed" in await asha.ask(f"OK {code}")
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 50_700


async def test_an_sms_whose_gateway_died_is_answered_by_another(asha: Handset, runtime: Runtime) -> None:
    before = len(await asha.read())
    with clock.at(clock.now() - timedelta(minutes=2)):
        assert await inbound.lease(runtime, "africastalking", "orphan", ASHA) is inbound.Intake.LEASED
    assert (await asha.send("BAL", sms_id="orphan")).status_code == 200
    assert len(await asha.read()) == before + 1


@pytest.mark.parametrize("apart_seconds", [-3_700, -45, 45, 3_700])
async def test_an_sms_that_a_gateway_has_in_hand_is_left_to_it_by_one_with_another_clock(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, apart_seconds: int
) -> None:
    assert await inbound.lease(runtime, "africastalking", "x", ASHA) is inbound.Intake.LEASED
    move_clock(monkeypatch, apart_seconds)
    assert await inbound.lease(runtime, "africastalking", "x", ASHA) is inbound.Intake.LEASED_BY_ANOTHER


@pytest.mark.parametrize("date", ["2026-01-02T10:00:00Z", "2026-01-02 10:00:00", "", "yesterday"])
async def test_a_date_of_whatever_form_costs_nobody_an_answer(asha: Handset, date: str) -> None:
    before = len(await asha.read())
    assert (await asha.send("BAL", date=date)).status_code == 200
    assert len(await asha.read()) == before + 1


@pytest.mark.parametrize("number", ["+254711000001", "254711000001", "0711000001", "711000001"])
async def test_the_sender_is_known_in_any_spelling(asha: Handset, number: str) -> None:
    assert (await asha.send("BAL", **{"from": number})).status_code == 200
    assert "KES 12,500" in (await asha.read())[0]


async def test_a_stranger_to_the_secret_changes_nothing(asha: Handset, runtime: Runtime) -> None:
    form = {"id": "1", "from": ASHA, "text": "BAL"}
    assert (await asha.client.post("/api/sms/africastalking/wrong/inbound", data=form)).status_code == 404
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(select(func.count()).select_from(inbound_table)) == 0


@pytest.mark.parametrize("broken", [{"id": ""}, {"id": "x" * 200}])
async def test_a_malformed_callback_is_refused(asha: Handset, broken: dict[str, str]) -> None:
    form = {"id": "1", "from": ASHA, "text": "BAL", "date": ""}
    assert (await asha.client.post(CALLBACK, data={**form, **broken})).status_code == 400
    del form["text"]
    assert (await asha.client.post(CALLBACK, data=form)).status_code == 400


async def test_a_code_sent_twice_at_once_moves_the_money_once(asha: Handset, runtime: Runtime) -> None:
    code = await asha.order("SEND 500 0722000002")
    await asyncio.gather(*(asha.send(f"OK {code}") for _ in range(4)))
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 50_700
    assert await wallet_minor(runtime, BARAKA) == 320_000 + 50_000


async def test_a_code_taken_by_a_gateway_that_died_still_moves_the_money(asha: Handset, runtime: Runtime) -> None:
    code = await asha.order("SEND 500 0722000002")
    await codes.check(runtime, (await customer(runtime, ASHA)).id, codes.SMS, code)
    assert "confirmed" in await asha.ask(f"OK {code}")
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 50_700
    assert "done already" in await asha.ask(f"OK {code}")
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 50_700


async def test_a_code_is_good_for_five_minutes(asha: Handset, runtime: Runtime) -> None:
    code = await asha.order("SEND 500 0722000002")
    with clock.at(clock.now() + timedelta(minutes=5, seconds=1)):
        assert (await asha.send(f"OK {code}")).status_code == 200
    assert "No order" in (await asha.read())[0]
    assert await wallet_minor(runtime, ASHA) == 1_250_000


@pytest.mark.parametrize("minutes", [2, 10, 300])
@pytest.mark.parametrize("between", ["", "SEND 300 0722000002"])
async def test_a_code_that_is_delivered_again_hours_after_its_money_has_moved_is_told_what_was_done(
    asha: Handset, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, minutes: int, between: str
) -> None:
    async def away(*_: object) -> bool:
        raise TimeoutError

    code = await asha.order("SEND 500 0722000002")
    with monkeypatch.context() as patched:
        patched.setattr(inbound, "mark_answered", away)
        assert (await asha.send(f"OK {code}", sms_id="again")).status_code == 503
    receipt = (await asha.read())[0]
    with clock.at(clock.now() + timedelta(minutes=minutes)):
        newer = await asha.order(between) if between else ""
        assert (await asha.send(f"OK {code}", sms_id="again")).status_code == 200
        done = f"This is done already: {receipt[:10]}, KES 500 to Baraka Otieno. Nothing was done again."
        assert done in (await asha.read())[:2]
        if newer:
            assert (await asha.send(f"OK {newer}")).status_code == 200
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 50_700 - (30_700 if between else 0)


async def test_a_code_that_an_order_of_before_happened_to_have_confirms_its_own(
    asha: Handset, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "code_digits", lambda *_: "4711")
    monkeypatch.setattr(codes, "code_digits", lambda *_: "4711")
    for amount in (500, 300):
        await asha.ask(f"SEND {amount} 0722000002")
        assert f"KES {amount} sent to Baraka" in await asha.ask("OK 4711")
    assert (await asha.ask("OK 4711")).startswith("This is done already:")
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 50_700 - 30_700


async def test_a_code_of_somebody_else_moves_nothing(asha: Handset, client: httpx2.AsyncClient, runtime: Runtime) -> None:
    code = await asha.order("SEND 500 0722000002")
    baraka = Handset(client, runtime, BARAKA)
    assert (await baraka.send(f"OK {code}")).status_code == 200
    assert await wallet_minor(runtime, ASHA) == 1_250_000
    assert await wallet_minor(runtime, BARAKA) == 320_000


async def test_the_newest_order_is_the_one_that_its_code_confirms(asha: Handset, runtime: Runtime) -> None:
    first = await asha.order("SEND 500 0722000002")
    second = await asha.order("SEND 100 0722000002")
    if first != second:
        assert "Wrong code" in await asha.ask(f"OK {first}")
    assert "KES 100 sent" in await asha.ask(f"OK {second}")
    assert await wallet_minor(runtime, ASHA) == 1_250_000 - 10_000


async def test_what_a_pin_could_not_confirm_a_code_cannot_either(asha: Handset, runtime: Runtime) -> None:
    code = await asha.order("SEND 500 0722000002")
    own = update(pin_table).where(pin_table.c.customer_id == (await customer(runtime, ASHA)).id)
    async with runtime.database.autocommit() as connection:
        await connection.execute(own.values(money_out_from=clock.now() + timedelta(hours=1)))
    assert "For your safety" in await asha.ask(f"OK {code}")
    async with runtime.database.autocommit() as connection:
        await connection.execute(own.values(money_out_from=None, failures=pins.MOST_WRONG, locked_at=clock.now()))
    assert "locked" in await asha.ask("SEND 500 0722000002")
    assert await wallet_minor(runtime, ASHA) == 1_250_000


@pytest.mark.parametrize("order", ["SEND 500 0722000002", "SAVE 500"])
async def test_a_pin_that_is_locked_between_order_and_code_lets_nothing_out(asha: Handset, runtime: Runtime, order: str) -> None:
    hers = await customer(runtime, ASHA)
    await opening.open_goal(runtime, hers, name="Cow", target=Money.of_units(1_000, "KES"), key="cow")
    code = await asha.order(order)
    for _ in range(pins.MOST_WRONG):
        with pytest.raises((WrongPin, PinLocked)):
            await pins.check(runtime, hers.id, typed.WRONG)
    await asha.read()
    assert "locked" in await asha.ask(f"OK {code}")
    assert "locked" in await asha.ask(order)
    assert await wallet_minor(runtime, ASHA) == 1_250_000


async def test_sms_of_two_providers_under_one_name_are_two(runtime: Runtime) -> None:
    providers = ("africastalking", "twilio")
    assert [await inbound.lease(runtime, name, "1", ASHA) for name in providers] == [inbound.Intake.LEASED] * 2
    assert await inbound.lease(runtime, "twilio", "2", ASHA) is inbound.Intake.LEASED
    async with runtime.database.transaction() as connection:
        assert await inbound.mark_answered(connection, "africastalking", "1", "balance")
        assert not await inbound.mark_answered(connection, "africastalking", "1", "balance")
    # Of the two that are not answered, whose worker has died, one is leased again and nothing else.
    with clock.at(clock.now() + timedelta(seconds=31)):
        assert await inbound.lease(runtime, "africastalking", "1", ASHA) is inbound.Intake.ANSWERED
        assert await inbound.lease(runtime, "twilio", "1", ASHA) is inbound.Intake.LEASED
        assert await inbound.lease(runtime, "twilio", "1", ASHA) is inbound.Intake.LEASED_BY_ANOTHER
        assert await inbound.lease(runtime, "twilio", "2", ASHA) is inbound.Intake.LEASED
    assert Sms("twilio", "1", ASHA, "").key != Sms("africastalking", "1", ASHA, "").key
    assert Sms("twilio", "1", ASHA, "").key != Sms("twilio", "2", ASHA, "").key


async def test_an_order_above_the_limit_whose_gateway_died_waits_for_one_approval_and_the_next_sms_for_another(
    asha: Handset, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> bool:
        raise ConnectionResetError

    async def waiting() -> object:
        async with runtime.database.autocommit() as connection:
            return await connection.scalar(text("SELECT count(*) FROM approval WHERE status = 'waiting'"))

    order = "SEND 6000 0722000002"
    with monkeypatch.context() as patched:
        patched.setattr(inbound, "mark_answered", die)
        assert (await asha.send(order, sms_id="one")).status_code == 503
    assert await waiting() == 1
    with clock.at(clock.now() + timedelta(seconds=31)):
        assert (await asha.send(order, sms_id="one")).status_code == 200
        assert await waiting() == 1
        assert (await asha.send(order, sms_id="two")).status_code == 200
        assert await waiting() == 2


async def test_a_stolen_phone_sends_no_more_by_sms_than_the_limit_in_many_pieces_either(asha: Handset, runtime: Runtime) -> None:
    for _ in range(2):
        code = await asha.order("SEND 2500 0722000002")
        assert "confirmed" in await asha.ask(f"OK {code}")
    assert "more than SMS may send" in await asha.ask("SEND 1 0722000002")
    assert await wallet_minor(runtime, BARAKA) == 320_000 + 500_000
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        assert (await asha.send("SEND 2500 0722000002")).status_code == 200
    assert "Reply OK" in (await asha.read())[0]


async def test_money_spent_between_order_and_code_is_refused(asha: Handset, runtime: Runtime) -> None:
    code = await asha.order("SEND 4900 0722000002")
    sender, recipient = await customer(runtime, ASHA), await customer(runtime, BARAKA)
    amount = Money.of_units(12_000, "KES")
    quoted = tariffs.quote(transfers.KIND, amount)
    await transfers.send_confirmed(runtime, sender, recipient, quoted, "elsewhere")
    await asha.read()
    assert "Not enough money" in await asha.ask(f"OK {code}")
    assert await wallet_minor(runtime, BARAKA) == 320_000 + 1_200_000


async def test_a_flood_from_one_number_costs_nothing_and_hides_nobody(
    asha: Handset, client: httpx2.AsyncClient, runtime: Runtime
) -> None:
    before = len(await asha.read())
    for _ in range(inbound.MOST_IN_AN_HOUR + 5):
        assert (await asha.send("BAL")).status_code == 200
    assert len(await asha.read()) == before + inbound.MOST_IN_AN_HOUR
    baraka = Handset(client, runtime, BARAKA)
    assert "Salio lako" in await baraka.ask("SALIO")
    with clock.at(clock.now() + timedelta(hours=1, minutes=1)):
        assert (await asha.send("BAL")).status_code == 200
    assert len(await asha.read()) == before + inbound.MOST_IN_AN_HOUR + 1


async def test_what_was_written_is_kept_nowhere(asha: Handset, runtime: Runtime) -> None:
    await asha.send(f"send 500 0722000002 {typed.RIGHT}", sms_id="first")
    await asha.send("zebra crossing", sms_id="second")
    async with runtime.database.autocommit() as connection:
        kept = (await connection.execute(text("SELECT provider_id, phone, verb FROM sms_inbound"))).all()
    assert len(kept) == 2
    assert typed.RIGHT not in str(kept)
    assert "zebra" not in str(kept)


async def test_opting_out_stops_reminders_and_no_receipts(asha: Handset, runtime: Runtime) -> None:
    await asha.ask("STOP")
    before = len(await asha.read())
    async with runtime.database.transaction() as connection:
        reader = await customer(runtime, ASHA)
        await notices.tell(runtime, connection, reader, "A reminder.", kind="reminder")
        await notices.tell(runtime, connection, reader, "A receipt.")
    assert (await asha.read())[: len(await asha.read()) - before] == ["A receipt."]
    await asha.ask("START")
    async with runtime.database.transaction() as connection:
        await notices.tell(runtime, connection, reader, "Another reminder.", kind="reminder")
    assert (await asha.read())[0] == "Another reminder."


async def test_whoever_writes_a_pin_beside_stop_is_opted_out_and_told_to_change_it(asha: Handset, runtime: Runtime) -> None:
    answer = await asha.ask(f"STOP {typed.RIGHT}")
    assert answer.startswith("You will get no more reminders")
    assert "If you wrote your PIN, change it now" in answer
    async with runtime.database.autocommit() as connection:
        assert await optouts.is_opted_out(connection, ASHA)


async def test_a_year_in_the_name_of_a_goal_is_asked_about_and_not_taken_for_a_pin(asha: Handset, runtime: Runtime) -> None:
    hers = await customer(runtime, ASHA)
    await opening.open_goal(runtime, hers, name="Cow", target=Money.of_units(1_000, "KES"), key="cow")
    assert (await asha.ask("SAVE 200 Car 2027")).startswith("Into which goal?")


@pytest.mark.parametrize(
    ("name", "written"),
    [("Karo ya shule", "karo ya shule"), ("Fees for John", "Fees for"), ("Şule", "Şule"), ("Ng'ombe", "Ng’ombe")],
)
async def test_a_goal_is_found_by_the_name_that_its_owner_gave_it(
    asha: Handset, runtime: Runtime, name: str, written: str
) -> None:
    hers = await customer(runtime, ASHA)
    for goal in (name, "Karo shule 2"):
        await opening.open_goal(
            runtime, hers, name=opening.read_name(goal), target=Money.of_units(1_000, "KES"), key=f"goal {goal}"
        )
    assert (await asha.ask(f"SAVE 200 {written}")).startswith(f"Save KES 200 into {septets.plain(name)}?")


@pytest.mark.parametrize("body", ["SEND 12, 500 0722000002", "SEND 5 00 254722000002", "SEND 0722000002 42\n500"])
async def test_two_numbers_are_no_order_of_a_third(asha: Handset, runtime: Runtime, body: str) -> None:
    assert "SEND 500 0722000111" in await asha.ask(body)
    async with runtime.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM sms_order")) == 0


@pytest.mark.parametrize("body", ["JOIN please", "JOIN us", "JOIN Jasho"])
async def test_nobody_joins_under_a_word_that_is_no_name(client: httpx2.AsyncClient, runtime: Runtime, body: str) -> None:
    stranger = Handset(client, runtime, "+254733000999")
    assert await stranger.ask(body) == "Write your name in letters A to Z, like Asha Wanjiku."
    assert await profiles.find(runtime, stranger.number) is None


async def test_a_foreign_number_gets_no_sms_and_no_account(client: httpx2.AsyncClient, runtime: Runtime) -> None:
    stranger = Handset(client, runtime, "+447911123456")
    assert (await stranger.send("JOIN John Smith")).status_code == 200
    assert await stranger.read() == []
    assert await profiles.find(runtime, stranger.number) is None
