"""Every service that takes an idempotency key, as tests ask for it: what leads to it, and the request, as often as one likes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core import clock
from core.agents import approval as agent_approval
from core.agents import cash, floats
from core.approvals import consent
from core.features import CARRIERS
from core.insurance import claims, covers
from core.jobs import hiring, posts
from core.ledger import tariffs
from core.ledger.tariffs import Quote
from core.payments import requests
from core.runtime import Runtime
from core.savings import goals, opening
from core.savings.goals import Goal
from core.sending import approval as send_approval
from core.sending import invitations, transfers
from core.staff import Staff
from tests import pins
from tests.core.counter import ASHA, BARAKA, NUMBER, kes, person, shop
from tests.core.jobs.market import Market

KEY = "the key"
NEW_NUMBER = "+254722000777"
Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Request:
    """`ask` sends it once more, with a PIN where it takes one, and perhaps for another amount: `units`.

    `receiver` is the phone of whoever it is for.
    """

    ask: Ask
    receiver: str = BARAKA


async def _sent(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    baraka = await person(runtime, BARAKA)
    shown: dict[str, Any] = {"recipient_id": baraka.id, "agreed_fee": kes(7)}
    return Request(
        lambda pin, units=500: transfers.send(
            runtime, sender=asha, recipient_phone=BARAKA, amount=kes(units), pin=pin, key=KEY, **shown
        )
    )


async def _sent_by_number(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(
        lambda pin, units=500: transfers.send(runtime, sender=asha, recipient_phone=BARAKA, amount=kes(units), pin=pin, key=KEY)
    )


async def _confirmed(runtime: Runtime) -> Request:
    asha, baraka = await person(runtime, ASHA), await person(runtime, BARAKA)

    def ask(_: str, units: int = 500) -> Awaitable[Any]:
        # The tariff of now may know no price for it any more.
        quoted = Quote(kes(units), tariffs.fee(transfers.KIND, kes(units)))
        return transfers.send_confirmed(runtime, asha, baraka, quoted, KEY)

    return Request(ask)


async def _invited(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(
        lambda pin, units=500: invitations.send(
            runtime, sender=asha, phone=NEW_NUMBER, amount=kes(units), pin=pin, key=KEY, agreed_fee=kes(7)
        ),
        NEW_NUMBER,
    )


async def _ordered(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(lambda _, units=9_000: send_approval.ask(runtime, asha, BARAKA, kes(units), KEY))


async def _approved(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    waiting = await send_approval.ask(runtime, asha, BARAKA, kes(9_000), KEY)
    return Request(lambda pin: consent.approve(runtime, asha, waiting, pin, CARRIERS, agreed_fee=kes(90)))


async def _refused(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    waiting = await send_approval.ask(runtime, asha, BARAKA, kes(9_000), KEY)
    return Request(lambda _: consent.refuse(runtime, asha, waiting, CARRIERS))


async def _topped_up(runtime: Runtime) -> Request:
    agent, baraka = await shop(runtime), await person(runtime, BARAKA)
    return Request(
        lambda pin, units=500: cash.top_up(
            runtime, agent=agent, customer_phone=BARAKA, customer_id=baraka.id, amount=kes(units), pin=pin, key=KEY
        )
    )


async def _withdrawn(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    receiver = (await shop(runtime)).customer.phone
    return Request(
        lambda pin, units=500: cash.withdraw(
            runtime, customer=asha, agent_number=NUMBER, amount=kes(units), pin=pin, key=KEY, agreed_fee=kes(29)
        ),
        receiver,
    )


async def _asked_by_agent(runtime: Runtime) -> Request:
    agent, baraka = await shop(runtime), await person(runtime, BARAKA)
    return Request(
        lambda pin, units=500: agent_approval.ask(
            runtime, agent=agent, customer_phone=BARAKA, customer_id=baraka.id, amount=kes(units), pin=pin, key=KEY
        )
    )


async def _commission(runtime: Runtime) -> Request:
    agent = await shop(runtime)
    await cash.top_up(runtime, agent=agent, customer_phone=BARAKA, amount=kes(1_000), pin=pins.RIGHT, key="earns")
    return Request(lambda pin, units=5: floats.take_commission(runtime, agent=agent, amount=kes(units), pin=pin, key=KEY))


async def _float_bought(runtime: Runtime) -> Request:
    agent = await shop(runtime)
    return Request(lambda _, units=500: floats.buy(runtime, agent, kes(units), reference=KEY, by=Staff("Neema")))


async def _float_sold(runtime: Runtime) -> Request:
    agent = await shop(runtime)
    return Request(lambda _, units=500: floats.sell(runtime, agent, kes(units), reference=KEY, by=Staff("Neema")))


async def _deposited(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(lambda _, units=500: requests.deposit(runtime, asha, kes(units), key=KEY))


async def _paid_out(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(lambda pin, units=500: requests.withdraw(runtime, asha, kes(units), pin=pin, key=KEY, agreed_fee=kes(29)))


async def _goal(runtime: Runtime) -> Goal:
    asha = await person(runtime, ASHA)
    return await opening.open_goal(runtime, asha, name="Cow", target=kes(1_000), key="goal")


async def _opened(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(lambda _, units=1_000: opening.open_goal(runtime, asha, name="Cow", target=kes(units), key=KEY))


async def _saved(runtime: Runtime) -> Request:
    asha, goal = await person(runtime, ASHA), await _goal(runtime)
    return Request(lambda pin, units=500: goals.save(runtime, asha, goal.id, kes(units), pin=pin, key=KEY))


async def _saving_confirmed(runtime: Runtime) -> Request:
    asha, goal = await person(runtime, ASHA), await _goal(runtime)
    return Request(lambda _, units=500: goals.save_confirmed(runtime, asha, goal.id, kes(units), KEY))


async def _taken_out(runtime: Runtime) -> Request:
    asha, goal = await person(runtime, ASHA), await _goal(runtime)
    await goals.save(runtime, asha, goal.id, kes(600), pin=pins.RIGHT, key="saves")
    return Request(lambda pin, units=500: goals.withdraw(runtime, asha, goal.id, kes(units), pin=pin, key=KEY))


async def _posted(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    return Request(lambda _, units=500: posts.post(runtime, asha, "farm", "Limuru", "Picking tea", kes(units), KEY))


async def _hired(runtime: Runtime) -> Request:
    market = await Market.of(runtime)
    job = await market.applied()
    return Request(lambda pin: hiring.hire(runtime, market.asha, job.id, market.baraka.id, pin, KEY))


async def _paid(runtime: Runtime) -> Request:
    market = await Market.of(runtime)
    job = await market.finished()
    return Request(lambda pin: hiring.pay(runtime, market.asha, job.id, pin, KEY))


async def _covered(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    terms = covers.Terms.of(covers.get_offer(runtime, "hospital_cash").product)
    return Request(lambda pin: covers.buy(runtime, asha, "hospital_cash", pin, KEY, agreed=terms))


async def _claimed(runtime: Runtime) -> Request:
    asha = await person(runtime, ASHA)
    bought = await covers.buy(runtime, asha, "hospital_cash", pins.RIGHT, "cover")
    happened = bought.policy.waits_until

    async def ask(_: str) -> Any:
        with clock.at(clock.now() + timedelta(days=20)):
            return await claims.submit(runtime, asha, bought.policy.id, "Broken leg", happened, KEY)

    return Request(ask)


# By the service's name. `send` comes twice: she was shown a person, or typed a number.
REQUESTS: dict[str, Callable[[Runtime], Awaitable[Request]]] = {
    "core.sending.transfers.send": _sent,
    "core.sending.transfers.send by number": _sent_by_number,
    "core.sending.transfers.send_confirmed": _confirmed,
    "core.sending.invitations.send": _invited,
    "core.sending.approval.ask": _ordered,
    "core.approvals.consent.approve": _approved,
    "core.approvals.consent.refuse": _refused,
    "core.agents.cash.top_up": _topped_up,
    "core.agents.cash.withdraw": _withdrawn,
    "core.agents.approval.ask": _asked_by_agent,
    "core.agents.floats.take_commission": _commission,
    "core.agents.floats.buy": _float_bought,
    "core.agents.floats.sell": _float_sold,
    "core.payments.requests.deposit": _deposited,
    "core.payments.requests.withdraw": _paid_out,
    "core.savings.opening.open_goal": _opened,
    "core.savings.goals.save": _saved,
    "core.savings.goals.save_confirmed": _saving_confirmed,
    "core.savings.goals.withdraw": _taken_out,
    "core.jobs.posts.post": _posted,
    "core.jobs.hiring.hire": _hired,
    "core.jobs.hiring.pay": _paid,
    "core.insurance.covers.buy": _covered,
    "core.insurance.claims.submit": _claimed,
}
# Their key is all that they are asked with, or they are for a person or a product and for no amount.
WITHOUT_AMOUNT = {
    "core.approvals.consent.approve",
    "core.approvals.consent.refuse",
    "core.jobs.hiring.hire",
    "core.jobs.hiring.pay",
    "core.insurance.covers.buy",
    "core.insurance.claims.submit",
}
