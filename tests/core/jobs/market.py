"""Employers and workers for the tests of jobs: the demo people, and what can be seen of them from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from sqlalchemy import text

from core import ids
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.features import CHECKS
from core.jobs import applications, hiring, market, posts
from core.jobs.escrow import JobReceipt
from core.jobs.market import Job
from core.ledger import audit
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.transfer import Leg, Transfer
from core.money import Money
from core.runtime import Runtime
from tests import pins

ASHA, BARAKA, NJERI = "+254711000001", "+254722000002", "+254733000003"
ASHA_MINOR, BARAKA_MINOR = 1_250_000, 320_000
PAY_MINOR = 50_000
_keys = count(1)


class Market:
    """Asha offers work, Baraka and Mama Njeri look for it."""

    def __init__(self, runtime: Runtime, asha: Customer, baraka: Customer, njeri: Customer) -> None:
        self.runtime = runtime
        self.asha, self.baraka, self.njeri = asha, baraka, njeri

    @classmethod
    async def of(cls, runtime: Runtime) -> "Market":
        return cls(runtime, *[await person(runtime, phone) for phone in (ASHA, BARAKA, NJERI)])

    async def offer(self, title: str = "Picking tea", *, key: str = "", **said: object) -> Job:
        """Asha's new job; `said` changes what it is: employer, category, place, pay."""
        asked = {"employer": self.asha, "category": "farm", "place": "Limuru", "pay": Money(PAY_MINOR, "KES"), **said}
        return await posts.post(self.runtime, title=title, key=key or new_key(), **asked)  # type: ignore[arg-type]

    async def applied(self, *workers: Customer, **said: object) -> Job:
        """A new job for which these (Baraka, if nobody is named) have applied."""
        job = await self.offer(**said)  # type: ignore[arg-type]
        for worker in workers or (self.baraka,):
            await applications.apply(self.runtime, worker, job.id)
        return job

    async def hired(self, **said: object) -> Job:
        """A new job that Baraka was hired for."""
        job = await self.applied(**said)
        await self.hire(job)
        return job

    async def finished(self, **said: object) -> Job:
        """A new job that Baraka says is done."""
        job = await self.hired(**said)
        await hiring.finish(self.runtime, self.baraka, job.id)
        return job

    async def paid(self) -> Job:
        job = await self.hired()
        await self.pay(job)
        return job

    async def disputed(self) -> Job:
        job = await self.hired()
        await hiring.dispute(self.runtime, self.asha, job.id)
        return job

    async def hire(self, job: Job, worker: Customer | None = None, key: str = "") -> JobReceipt:
        chosen = (worker or self.baraka).id
        return await hiring.hire(self.runtime, self.asha, job.id, chosen, pins.RIGHT, key or new_key())

    async def pay(self, job: Job, key: str = "") -> JobReceipt:
        return await hiring.pay(self.runtime, self.asha, job.id, pins.RIGHT, key or new_key())

    async def deposit(self, customer: Customer, minor: int) -> None:
        """Cash that reached the bank."""
        legs = Leg(customer.wallet, minor), Leg(SystemAccount(TRUST, "KES"), -minor)
        wish = Transfer(ids.new_id(), customer.wallet, new_key(), "deposit", legs)
        assert (await self.runtime.poster.submit(wish)).is_done

    async def status(self, job: Job) -> str:
        return (await market.get(self.runtime, job.id)).status

    async def balance(self, customer: Customer) -> int:
        return (await wallet.get_balance(self.runtime, customer)).minor

    async def escrow(self, job: Job) -> int:
        """What is kept for the job."""
        kept = "SELECT sum(a.balance) FROM account a JOIN job j ON j.escrow = a.id WHERE j.id = :id"
        return int(await self.one(kept, id=job.id) or 0)

    async def moved(self, job: Job) -> int:
        """How often money has moved for the job."""
        moves = "SELECT count(*) FROM posting p JOIN job j ON j.escrow = p.account_id WHERE j.id = :id"
        return int(await self.one(moves, id=job.id) or 0)

    async def sms(self, phone: str, word: str) -> int:
        """How many messages with this word in them wait for the phone or were sent."""
        told = "SELECT count(*) FROM outbox WHERE phone = :phone AND body LIKE '%' || :word || '%'"
        return int(await self.one(told, phone=phone, word=word) or 0)

    async def one(self, query: str, **params: object) -> str | None:
        async with self.runtime.database.autocommit() as connection:
            found = await connection.scalar(text(query), params)
        return None if found is None else str(found)

    async def check_books(self, *jobs_over: Job) -> None:
        """No money is lost anywhere, and nothing is left in the escrow of a job that is over."""
        assert (await audit.verify(self.runtime.database, checks=CHECKS)).findings == []
        for job in jobs_over:
            assert await self.escrow(job) == 0


async def person(runtime: Runtime, phone: str) -> Customer:
    found = await profiles.find(runtime, phone)
    assert found is not None
    return found


def new_key() -> str:
    return f"key {next(_keys)}"


@contextmanager
def broken(database_url: str, table: str, event: str = "INSERT") -> Iterator[None]:
    """The database refuses to write this table as long as the block lasts: a fault in the middle of whatever does."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'broken on purpose'; END $$;
            CREATE TRIGGER fail BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION fail()"""
        )
        yield
        owner.execute(f"DROP TRIGGER fail ON {table}; DROP FUNCTION fail()")
