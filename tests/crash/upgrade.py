"""A release that comes after ours, and load that runs while it takes over: transfers, and phones at the callback."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2
import psycopg

from core import ids, migrations
from core.db import conninfo
from core.ledger.chart import TRUST, SystemAccount
from core.ledger.post import post
from core.ledger.poster import Poster
from core.ledger.transfer import Leg, Transfer
from core.membership import registration
from core.runtime import Runtime
from core.settings import Settings, as_environment
from gateway import wiring
from tests import pins
from tests.conftest import JASHO, serving
from tests.core.scratch import add_version
from tests.crash import bank
from tests.crash.bank import Finding, Receipt
from tests.phone import SERVICE_CODE, Screen

ROOT = Path(__file__).parents[2]
SECRET = "s3cret"
CALLBACK = f"/api/ussd/africastalking/{SECRET}"
COLUMN, INDEX = "9000", "9001"
NEW_SCREEN = "send_confirm"
PHONES = tuple(f"+2547110007{number:02}" for number in range(4))
# It is not part of the load.
ALONE = PHONES[-1]
DEPOSIT_MINOR = 10_000_000
_TELLERS = 2
_sessions = count(1)


def next_release(folder: Path) -> Path:
    """Our code with a column and an index for the journal, other functions and one more trigger, and another menu.

    To be put before ours on a process's PYTHONPATH.
    """
    for package in ("api", "core", "gateway", "locales", "menus"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    versions, newest = folder / "core" / "migrations" / "versions", migrations.newest()
    add_version(versions, COLUMN, newest, "op.add_column('transfer', sa.Column('note', sa.Text(), nullable=True))", newest)
    add_version(versions, INDEX, COLUMN, "build_concurrently('ix_transfer_kind', 'transfer', ['kind', 'created_at'])", newest)
    for function in ("core/ledger/post.sql", "core/ledger/seal.sql", "core/migrations/refuse_change.sql"):
        _change(folder / function, "\nBEGIN\n", "\nBEGIN -- the next release's\n")
    triggers = folder / "core" / "migrations" / "triggers.sql"
    with triggers.open("a") as file:
        event = "BEFORE TRUNCATE ON public.posting FOR EACH STATEMENT"
        file.write(f"\nCREATE TRIGGER also_refused {event} EXECUTE FUNCTION refuse_change();\n")
    _change(folder / "menus" / "send.py", '"send_pin"', f'"{NEW_SCREEN}"')
    return folder


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


async def open_people(settings: Settings, phones: Sequence[str] = PHONES) -> None:
    runtime = wiring.runtime(settings)
    try:
        await _open_people(runtime, phones)
    finally:
        await runtime.close()


async def _open_people(runtime: Runtime, phones: Sequence[str]) -> None:
    for number, phone in enumerate(phones):
        customer = await registration.register(
            runtime,
            phone=phone,
            name=f"Neema {'ABCDEFGHIJ'[number]}",
            national_id=f"2234570{number}",
            language="en",
            pin=pins.RIGHT,
        )
        legs = (Leg(customer.wallet, DEPOSIT_MINOR), Leg(SystemAccount(TRUST, customer.currency), -DEPOSIT_MINOR))
        deposit = Transfer(ids.new_id(), customer.wallet, "opening", "deposit", legs)
        async with runtime.database.transaction() as connection:
            assert (await post(connection, [deposit], bank.COUNTRY))[0].is_done


class Dialogue:
    """A session with hops at whichever process the caller names."""

    def __init__(self, client: httpx2.AsyncClient, phone: str) -> None:
        self._client, self._phone = client, phone
        self._id = f"ATUid_upgrade_{next(_sessions)}"
        self._typed: list[str] = []

    async def hop(self, url: str, *typed: str) -> Screen:
        self._typed += typed
        form = {"sessionId": self._id, "phoneNumber": self._phone, "serviceCode": SERVICE_CODE, "text": "*".join(self._typed)}
        return Screen.of(await self._client.post(f"{url}{CALLBACK}", data=form))


@dataclass
class Load:
    """What was done so far. `urls`: the processes that serve now, changed while it runs. `step`: how many sends make one."""

    urls: list[str]
    step: int
    receipts: list[Receipt] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    looked: int = 0
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _is_over: bool = False

    async def more(self) -> None:
        """Comes back when another step's worth is done."""
        posts_until, sends_until = len(self.receipts) + self.step * 12, len(self.sent) + self.step
        async with self._moved:
            await self._moved.wait_for(lambda: len(self.receipts) >= posts_until and len(self.sent) >= sends_until)

    async def _note(self, note: Callable[[], object]) -> None:
        async with self._moved:
            note()
            self._moved.notify_all()

    async def _pay(self, poster: Poster, teller: int) -> None:
        for number in count():
            if self._is_over:
                return
            receipt = await bank.pay(poster, f"upgrade{teller}n{number}")
            await self._note(lambda made=receipt: self.receipts.append(made))  # type: ignore[misc]

    async def _dial(self, client: httpx2.AsyncClient, number: int) -> None:
        """Sends at one process; looks at the first screens at one after the other."""
        phone, payee = PHONES[number], PHONES[(number + 1) % (len(PHONES) - 1)]
        for turn in count(number):
            if self._is_over:
                return
            url, other = self.urls[turn % len(self.urls)], self.urls[(turn + 1) % len(self.urls)]
            send = Dialogue(client, phone)
            asked = await send.hop(url, *f"4*0{payee.removeprefix('+254')}*10".split("*"))
            assert "Enter PIN" in asked.text, asked
            told = await send.hop(url, pins.RIGHT)
            assert "sent to Neema" in told.text, told
            await self._note(lambda words=told.text: self.sent.append(words))  # type: ignore[misc]
            look = Dialogue(client, phone)
            assert "1. Check Balance" in (await look.hop(url)).text
            assert "Your balance is KES" in (await look.hop(other, "1")).text
            self.looked += 1


@asynccontextmanager
async def running(database_url: str, url: str, step: int) -> AsyncIterator[Load]:
    """Load until the block ends. Whatever does not go well in it fails the block."""
    load = Load([url], step)
    poster = Poster(conninfo(database_url), bank.COUNTRY)
    try:
        async with httpx2.AsyncClient(timeout=20) as client, asyncio.TaskGroup() as tasks:
            for teller in range(_TELLERS):
                tasks.create_task(load._pay(poster, teller))
            for number in range(len(PHONES) - 1):
                tasks.create_task(load._dial(client, number))
            yield load
            load._is_over = True
    finally:
        await poster.close()


async def take_over(settings: Settings, folder: Path, *options: str, step: int = 2) -> Load:
    """Ours serves; the next release migrates, and serves beside it; ours is started anew. `options`: those of `jasho serve`."""
    ours = as_environment(settings)
    theirs = {**ours, "PYTHONPATH": str(next_release(folder))}
    with ExitStack() as processes:

        async def start(environment: dict[str, str]) -> str:
            return await asyncio.to_thread(processes.enter_context, serving(environment, *options))

        old = await start(ours)
        async with running(settings.database_url, old, step) as load, httpx2.AsyncClient(timeout=20) as client:
            begun = await _begin_to_send(client, old)
            await load.more()
            migrate = await asyncio.create_subprocess_exec(JASHO, "migrate", env={**os.environ, **theirs})
            assert await migrate.wait() == 0
            await load.more()
            new = await start(theirs)
            load.urls.append(new)
            await _check_another_menu(begun, new)
            await _check_another_menu(await _begin_to_send(client, new), old)
            await load.more()
            restarted = await start(ours)
            load.urls[:] = [restarted, new]
            await load.more()
            ready = [(await client.get(f"{url}/readyz")).status_code for url in (old, new, restarted)]
            assert ready == [200, 200, 200]
    return load


async def _begin_to_send(client: httpx2.AsyncClient, url: str) -> Dialogue:
    """As far as the PIN, whose screen has another name in the other release."""
    dialogue = Dialogue(client, ALONE)
    asked = await dialogue.hop(url, *f"4*0{PHONES[0].removeprefix('+254')}*10".split("*"))
    assert "Enter PIN" in asked.text
    return dialogue


async def _check_another_menu(dialogue: Dialogue, url: str) -> None:
    """That the customer goes home with a word."""
    screen = await dialogue.hop(url, pins.RIGHT)
    assert (screen.text.startswith("The menu has changed. Please choose again.\nJasho\n"), screen.is_open) == (True, True)
    assert "Your balance is KES" in (await dialogue.hop(url, "1")).text


async def examine(settings: Settings, load: Load) -> list[Finding]:
    """Whatever the books have that nobody was told of, and the other way round."""
    findings, _ = await bank.examine(settings.database_url, load.receipts)
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM transfer WHERE kind = 'send'").fetchone()
    made = 0 if row is None else int(row[0])
    if made != len(load.sent):
        kind = "double" if made > len(load.sent) else "loss"
        findings.append(Finding(kind, f"{len(load.sent)} sends were told of, and {made} are in the books"))
    return findings


def production(database_url: str, redis_url: str) -> Settings:
    """In production nothing is migrated or made up at a start."""
    return Settings(
        env="production",
        database_url=database_url,
        redis_url=redis_url,
        callback_secret=SECRET,
        pin_pepper="pepper",
        data_key="ab" * 32,
    )
