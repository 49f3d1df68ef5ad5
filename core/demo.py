"""The demo people of a developer's machine. Loading them twice is harmless."""

from dataclasses import dataclass
from uuid import UUID

from core import ids
from core.agents import directory
from core.customers import profiles
from core.jobs import posts
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.post import post
from core.ledger.transfer import Leg, Transfer
from core.membership import registration
from core.membership.refusals import AlreadyRegistered
from core.money import Money
from core.runtime import Runtime
from core.savings import opening

PIN = "4826"
# Fixed, so that documents can say what to type.
JOB_NUMBER = 10420


@dataclass(frozen=True, slots=True)
class Person:
    phone: str
    name: str
    language: str
    national_id: str
    balance_minor: int = 0
    float_minor: int = 0
    agent_number: str = ""
    place: str = ""
    goal: str = ""
    target_minor: int = 0
    saved_minor: int = 0
    job: str = ""
    pay_minor: int = 0


PEOPLE = (
    Person("+254711000001", "Asha Wanjiku", "en", "22345601", balance_minor=1_250_000),
    Person(
        "+254722000002",
        "Baraka Otieno",
        "sw",
        "22345602",
        balance_minor=320_000,
        goal="Karo",
        target_minor=2_000_000,
        saved_minor=150_000,
        job="Washing clothes",
        pay_minor=50_000,
        place="Kibera",
    ),
    Person("+254733000003", "Mama Njeri Shop", "en", "22345603", float_minor=10_000_000, agent_number="200100", place="Kibera"),
)


async def create_people(runtime: Runtime) -> None:
    """Registers the demo people and gives them what they have at the start. What they have done since stays."""
    for person in PEOPLE:
        try:
            await registration.register(
                runtime,
                phone=person.phone,
                name=person.name,
                national_id=person.national_id,
                language=person.language,
                pin=PIN,
            )
        except AlreadyRegistered:
            continue
    for person in PEOPLE:
        await _provide(runtime, person)


async def _provide(runtime: Runtime, person: Person) -> None:
    """Gives a registered person her shop, goal, job and money. A second call changes nothing."""
    customer = await profiles.find(runtime, person.phone)
    assert customer is not None
    deposits = [(customer.wallet, person.balance_minor)]
    if person.agent_number:
        shop = await directory.add(runtime, person.phone, person.name, person.place, person.agent_number)
        deposits.append((shop.float_account, person.float_minor))
    if person.goal:
        target = Money(person.target_minor, customer.currency)
        goal = await opening.open_goal(runtime, customer, name=person.goal, target=target, key="demo")
        deposits.append((goal.id, person.saved_minor))
    if person.job:
        pay = Money(person.pay_minor, customer.currency)
        await posts.post(runtime, customer, "house", person.place, person.job, pay, "demo", number=JOB_NUMBER)
    transfers = [_deposit(into, Money(minor, customer.currency)) for into, minor in deposits if minor]
    async with runtime.database.transaction() as connection:
        answers = await post(connection, transfers, runtime.settings.country)
        assert all(answer.is_done for answer in answers), answers


def _deposit(into: UUID, amount: Money) -> Transfer:
    """Cash that reached the bank before the service began."""
    return Transfer(
        id=ids.new_id(),
        initiator=into,
        key="demo",
        kind="deposit",
        legs=(Leg(into, amount.minor), Leg(SystemAccount(TRUST, amount.currency), -amount.minor)),
    )
