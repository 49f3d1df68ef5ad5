"""Whose message leaves first, in what order a recipient reads hers, and who gets none."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from core import clock
from core.messaging import optouts, outbox
from core.messaging.kinds import CODE, RECEIPT, REMINDER, SECURITY
from tests.gateway import vendors
from tests.gateway.post_office import ASHA, BARAKA, PostOffice
from tests.gateway.vendors import Vendor


@pytest.mark.parametrize(("kind", "lasts"), [(CODE, 5), (SECURITY, 720), (RECEIPT, 720), (REMINDER, 360)])
async def test_nobody_gets_a_message_that_is_too_old(post: PostOffice, africastalking: Vendor, kind: str, lasts: int) -> None:
    old = await post.queue("old", kind=kind, at=clock.now() - timedelta(minutes=lasts))
    young = await post.queue("young", BARAKA, kind, at=clock.now() - timedelta(minutes=lasts - 1))
    await post.all_rounds()
    assert (await post.status(old), await post.status(young)) == ("expired", "sent")
    assert africastalking.bodies == ["young"]


async def test_codes_go_before_security_notices_before_receipts_before_reminders(post: PostOffice) -> None:
    numbers = iter(range(100))
    for kind in (REMINDER, RECEIPT, SECURITY, CODE, REMINDER, CODE):
        await post.queue(kind, f"+2547220001{next(numbers):02}", kind)
    claimed: list[str] = []
    while len(claimed) < 6:
        claim = await outbox.lease(post.runtime, 1, post.pool)
        claimed += [attempt.message.body for attempt in claim.attempts]
    assert claimed == [CODE, CODE, SECURITY, RECEIPT, REMINDER, REMINDER]


async def test_a_recipient_reads_her_messages_in_order(post: PostOffice, africastalking: Vendor) -> None:
    written = [f"{number}" for number in range(12)]
    for body in written:
        await post.queue(body)
        await post.queue(body, BARAKA)
    assert await post.one_round() == 2, "one for each recipient"
    await post.all_rounds()
    for phone in (ASHA, BARAKA):
        assert [request.body for request in africastalking.requests if request.form["to"] == phone] == written


async def test_a_message_that_waits_for_another_try_is_not_overtaken(
    post: PostOffice, africastalking: Vendor, twilio: Vendor
) -> None:
    africastalking.behaviours.append(vendors.at_refuses(407))
    twilio.behaviours.append(vendors.twilio_refuses(21612))
    await post.queue("first")
    await post.all_rounds()
    await post.queue("second")
    await post.queue("other", BARAKA)
    await post.all_rounds()
    assert africastalking.bodies == ["first", "other"]
    await post.after(minutes=1)
    assert africastalking.bodies == ["first", "other", "first", "second"]


async def test_who_has_opted_out_still_learns_of_her_own_money(post: PostOffice, africastalking: Vendor) -> None:
    async with post.runtime.database.transaction() as connection:
        await optouts.opt_out(connection, ASHA, "test")
    kept = [await post.queue(kind, kind=kind) for kind in (CODE, SECURITY, RECEIPT)]
    reminder = await post.queue("reminder", kind=REMINDER)
    await post.queue("to another", BARAKA, REMINDER)
    await post.all_rounds()
    assert [await post.status(message) for message in kept] == ["sent"] * 3
    assert await post.status(reminder) == "suppressed"
    assert sorted(africastalking.bodies) == ["code", "receipt", "security", "to another"]
    async with post.runtime.database.transaction() as connection:
        await optouts.opt_in(connection, ASHA)
    again = await post.queue("again", kind=REMINDER)
    await post.all_rounds()
    assert await post.status(again) == "sent"


async def test_an_opt_out_belongs_to_one_number_and_the_first_of_several_counts(post: PostOffice) -> None:
    since = clock.now() - timedelta(days=3)
    async with post.runtime.database.transaction() as connection:
        for days, source in ((0, "keyword"), (1, "provider")):
            with clock.at(since + timedelta(days=days)):
                await optouts.opt_out(connection, ASHA, source)
        await optouts.opt_in(connection, BARAKA)
        assert [await optouts.is_opted_out(connection, phone) for phone in (ASHA, BARAKA)] == [True, False]
        row = (await connection.execute(text("SELECT source, since FROM opt_out WHERE phone = :phone"), {"phone": ASHA})).one()
    assert tuple(row) == ("keyword", since)
    hers, his = await post.queue("hers", ASHA, REMINDER), await post.queue("his", BARAKA, REMINDER)
    await post.all_rounds()
    assert (await post.status(hers), await post.status(his)) == ("suppressed", "sent")
    async with post.runtime.database.transaction() as connection:
        await optouts.opt_out(connection, BARAKA, "keyword")
        await optouts.opt_in(connection, ASHA)
        assert [await optouts.is_opted_out(connection, phone) for phone in (ASHA, BARAKA)] == [False, True]


@pytest.mark.parametrize(("kind", "hour", "day"), [(REMINDER, 4, 12), (CODE, 20, 60)])
async def test_nobody_is_flooded(post: PostOffice, africastalking: Vendor, kind: str, hour: int, day: int) -> None:
    begun = clock.now()
    for number in range(6):
        moment = begun + timedelta(minutes=61 * number)
        with clock.at(moment):
            for _ in range(hour + 3):
                await post.queue("x", kind=kind, at=moment)
            await post.queue("receipt", kind=RECEIPT, at=moment)
            await post.all_rounds()
        assert africastalking.bodies.count("x") == min(hour * (number + 1), day)
    assert africastalking.bodies.count("receipt") == 6
    assert (await post.statuses())["suppressed"] == 6 * (hour + 3) - day


async def test_a_code_of_which_nobody_is_sure_does_not_hold_back_a_newer_one(post: PostOffice, africastalking: Vendor) -> None:
    africastalking.behaviours.append(vendors.takes_silently)
    await post.queue("old code", kind=CODE)
    await post.all_rounds()
    await post.queue("new code", kind=CODE)
    await post.queue("receipt")
    await post.all_rounds()
    assert africastalking.bodies == ["old code", "new code"], "the receipt waits its turn"
