"""Transfers that stand or fall together: half a chain is never on the books, and who is beside it does not notice."""

from datetime import UTC, datetime

from core.ledger import holds
from core.runtime import Runtime
from tests.core.ledger.shop import Shop, lopsided, payment

UNTIL = datetime(2100, 1, 1, tzinfo=UTC)


async def test_a_chain_is_posted_whole_and_each_part_sees_what_the_one_before_moved(runtime: Runtime) -> None:
    shop = Shop(runtime)
    asha, baraka, njeri = await shop.person(10_000), await shop.person(), await shop.person()
    answers = await shop.post(payment(asha, baraka, 10_000), payment(baraka, njeri, 10_000), chains=[1, 1])
    assert [answer.outcome for answer in answers] == ["posted", "posted"]
    assert [await shop.balance(one) for one in (asha, baraka, njeri)] == [0, 0, 10_000]


async def test_one_refusal_undoes_its_chain_names_the_culprit_and_leaves_the_neighbours_alone(runtime: Runtime) -> None:
    shop = Shop(runtime)
    asha, baraka = await shop.person(10_000), await shop.person()
    answers = await shop.post(
        payment(asha, baraka, 1_000),
        payment(asha, baraka, 2_000),
        payment(baraka, asha, 9_000),
        payment(asha, baraka, 3_000),
        payment(asha, baraka, 4_000),
        payment(asha, baraka, 5_000),
        chains=[0, 1, 1, 1, 2, 0],
    )
    assert [answer.outcome for answer in answers] == ["posted", "chain_broken", "not_enough", "chain_broken", "posted", "posted"]
    assert [answers[1].detail, answers[3].detail] == [3, 3]
    assert answers[1].available_minor == ()
    assert (await shop.balance(asha), await shop.balance(baraka)) == (0, 10_000)
    assert await shop.findings() == []


async def test_a_broken_chain_gives_back_holds_and_the_days_limit(runtime: Runtime) -> None:
    shop = Shop(runtime)
    asha, baraka = await shop.person(50_000_000), await shop.person()
    hold = await shop.held(payment(asha, baraka, 1_000), UNTIL)
    before = await shop.one("SELECT string_agg(a::text, ',' ORDER BY id) FROM account a")
    answers = await shop.post(
        holds.capture(hold, "capture"),
        payment(asha, baraka, 25_000_000),
        holds.reserve(payment(asha, baraka, 5_000), UNTIL),
        lopsided(asha, baraka),
        chains=[1, 1, 1, 1],
    )
    assert [answer.outcome for answer in answers] == ["chain_broken", "chain_broken", "chain_broken", "invalid"]
    assert await shop.one("SELECT string_agg(a::text, ',' ORDER BY id) FROM account a") == before
    assert await shop.outcome(holds.give_back(hold, "void")) == "posted"


async def test_a_chain_sent_twice_is_done_once(runtime: Runtime) -> None:
    shop = Shop(runtime)
    asha, baraka = await shop.person(10_000), await shop.person()
    for expected in ("posted", "repeated"):
        answers = await runtime.poster.submit_chain(
            [payment(asha, baraka, 1_000, key="a"), payment(asha, baraka, 2_000, key="b")]
        )
        assert [answer.outcome for answer in answers] == [expected, expected]
    assert await shop.balance(asha) == 7_000


async def test_a_key_twice_in_a_chain_that_breaks_is_never_said_to_be_done(runtime: Runtime) -> None:
    shop = Shop(runtime)
    asha, baraka = await shop.person(10_000), await shop.person()
    twice = [payment(asha, baraka, 1_000, key="twice") for _ in range(2)]
    answers = await shop.post(*twice, lopsided(asha, baraka), chains=[1, 1, 1])
    assert [answer.outcome for answer in answers] == ["chain_broken", "chain_broken", "invalid"]
    assert [await shop.outcome(one) for one in twice] == ["posted", "repeated"]


async def test_a_key_refused_first_and_accepted_later_in_one_call_is_used_once(runtime: Runtime) -> None:
    shop = Shop(runtime)
    asha, baraka = await shop.person(), await shop.person(10_000)
    wishes = [payment(asha, baraka, 5_000, key="key") for _ in range(3)]
    answers = await shop.post(wishes[0], payment(baraka, asha, 10_000), *wishes[1:])
    assert [answer.outcome for answer in answers] == ["not_enough", "posted", "posted", "repeated"]
    assert answers[3].transfer_id == wishes[1].id
    assert (await shop.balance(asha), await shop.balance(baraka)) == (5_000, 5_000)
