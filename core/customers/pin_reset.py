"""A forgotten PIN: the national ID number, then a code sent to the phone, then a new PIN.

Both proofs are stored in the database and not in the session: after a dropped line the customer types the ID number again, and
nobody gets further without a code that was typed in the last minutes. The new PIN lifts a lock. For a day after it no money
leaves: a thief with phone and ID card has to wait, and the customer reads by SMS what is done in her name.
"""

import hmac
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core import clock
from core.credentials import attempts, codes, pins
from core.credentials.refusals import CodeEnded, WrongNationalId
from core.customers import profiles, texts
from core.customers.profiles import Customer
from core.messaging import kinds, notices
from core.operations.refusals import PinResetOff
from core.refusing import refuses
from core.runtime import Runtime
from core.tables.credentials import pin as pin_table
from core.tables.customers import customer as customer_table

CODE_TTL = timedelta(minutes=10)
# How long after the right code the new PIN may be chosen.
PROOF_TTL = timedelta(minutes=10)
MONEY_OUT_WAIT = timedelta(hours=24)
MOST_ID_TRIES = 5
MOST_CODES = 3
_ID_TRY, _CODE = "national id", "pin code"


class NextStep(Enum):
    """What a customer who knows the ID number has to do next."""

    TYPE_CODE = "type the code that has been sent, now or a few minutes ago"
    CHOOSE_PIN = "choose the new PIN: the code was right, and the line dropped after it"


@refuses(PinResetOff, profiles.read_national_id, WrongNationalId, attempts.count_try)
async def prove_identity(runtime: Runtime, customer: Customer, typed: str) -> NextStep:
    """Compares the national ID number, and sends a code where none is waiting.

    BadNationalId: no such number, not counted as a try. TooManyTries: five wrong numbers, or three codes, in a day.
    """
    national_id, country = profiles.read_national_id(typed), runtime.settings.country
    async with runtime.database.autocommit() as connection:
        await attempts.count_try(connection, customer.id, _ID_TRY, most=MOST_ID_TRIES, country=country)
        sealed = await connection.scalar(select(customer_table.c.national_id).where(customer_table.c.id == customer.id))
        # A customer who joined by SMS has given no number: none that is typed is hers.
        registered_id = runtime.vault.open(sealed, customer.id) if sealed else ""
        if not hmac.compare_digest(registered_id.encode(), national_id.encode()):
            raise WrongNationalId
        await attempts.reset(connection, customer.id, _ID_TRY, country=country)
    async with runtime.database.transaction() as connection:
        return await _send_code(runtime, connection, customer)


@refuses(codes.check)
async def prove_phone(runtime: Runtime, customer: Customer, typed: str) -> None:
    """Compares the code."""
    await codes.check(runtime, customer.id, codes.PIN, typed)


@refuses(PinResetOff, pins.hash_new, CodeEnded)
async def replace(runtime: Runtime, customer: Customer, pin: str) -> datetime:
    """Replaces the PIN and tells the customer by SMS. Returns from when on money may leave again.

    CodeEnded: no right code was typed in the last minutes, or it has set a PIN already.
    """
    hashed = await pins.hash_new(runtime, customer.id, customer.phone, pin)
    async with runtime.database.transaction() as connection:
        if not await _is_proven(connection, customer):
            raise CodeEnded
        money_out_from = await clock.read_in_database(connection) + MONEY_OUT_WAIT
        await pins.replace(connection, customer.id, hashed, money_out_from=money_out_from)
        await notices.tell(
            runtime,
            connection,
            customer,
            texts.PIN_RESET,
            kind=kinds.SECURITY,
            moment=clock.moment_text(money_out_from, runtime.settings.country),
        )
    return money_out_from


async def _send_code(runtime: Runtime, connection: AsyncConnection, customer: Customer) -> NextStep:
    if await _is_proven(connection, customer):  # locks the PIN's row: of two requests at once, one sends a code
        return NextStep.CHOOSE_PIN
    if not codes.is_waiting(await codes.find_newest(connection, customer.id, codes.PIN)):
        await attempts.count_try(connection, customer.id, _CODE, most=MOST_CODES, country=runtime.settings.country)
        code_id = await codes.issue(connection, customer.id, codes.PIN, CODE_TTL)
        await notices.tell(runtime, connection, customer, texts.PIN_CODE, code_id=code_id)
    return NextStep.TYPE_CODE


async def _is_proven(connection: AsyncConnection, customer: Customer) -> bool:
    """Was the newest code typed in the last minutes, with no PIN set since? Locks the PIN's row until the transaction ends.

    The two times are those of two processes, whose clocks may differ; what is written later has the later one all the same. How
    long the code is good says its own end, too: after a PIN that a clock years ahead has dated, the code's time is as far away.
    """
    changed_at: datetime | None = await connection.scalar(
        select(pin_table.c.changed_at).where(pin_table.c.customer_id == customer.id).with_for_update()
    )
    code = await codes.find_newest(connection, customer.id, codes.PIN)
    if changed_at is None or code is None or code.used_at is None:
        return False
    return bool(changed_at < code.used_at and code.read_at < min(code.used_at, code.expires_at) + PROOF_TTL)
