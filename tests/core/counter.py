"""An agent's counter for tests: the demo people who meet there, and what each of them has."""

from sqlalchemy import text

from core.agents import directory
from core.agents.directory import Agent
from core.customers import profiles
from core.customers.profiles import Customer
from core.features import CHECKS
from core.ledger import audit
from core.money import Money
from core.runtime import Runtime

ASHA, BARAKA, NJERI = "+254711000001", "+254722000002", "+254733000003"
NUMBER = "200100"


def kes(shillings: int) -> Money:
    return Money.of_units(shillings, "KES")


async def person(runtime: Runtime, phone: str) -> Customer:
    found = await profiles.find(runtime, phone)
    assert found is not None
    return found


async def shop(runtime: Runtime) -> Agent:
    return await directory.get_by_number(runtime, NUMBER)


async def held(runtime: Runtime, phone: str, kind: str = "wallet") -> int:
    """What somebody's account of a kind holds, in shillings and cents as one number of cents."""
    query = "SELECT a.balance FROM account a JOIN customer c ON c.id = a.owner WHERE c.phone = :phone AND a.kind = :kind"
    return int(await one(runtime, query, phone=phone, kind=kind))


async def one(runtime: Runtime, query: str, **params: object) -> str:
    async with runtime.database.autocommit() as connection:
        return str(await connection.scalar(text(query), params))


async def change(runtime: Runtime, statement: str, **params: object) -> None:
    async with runtime.database.autocommit() as connection:
        await connection.execute(text(statement), params)


async def received(runtime: Runtime, phone: str, words: str) -> int:
    """How many SMS with these words wait for the phone, or have reached it."""
    query = "SELECT count(*) FROM outbox WHERE phone = :phone AND strpos(body, :words) > 0"
    return int(await one(runtime, query, phone=phone, words=words))


async def check_books(runtime: Runtime) -> None:
    assert (await audit.verify(runtime.database, checks=CHECKS)).findings == []
