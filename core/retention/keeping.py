"""How long rows are kept: what ends in time is deleted, what is money or proof of it stays for ever.

`KEPT_FOR_A_TIME` and `KEPT_FOR_EVER` name every table, and `IN_REDIS` every key; tests compare them with the database, with
Redis and with `docs/operating.md`.

Messages and their attempts are in periods of time, and a period that is over goes as a whole (periods.py). Row by row, in batches
(deletion.py), go those of a period that one message keeps from going, because it is still due, and all other tables. An SMS that
its provider delivers again, and a report that comes again, are known by a key over all of their table, without a time in it: in
periods the same one could be in two of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, exists, func

from core.retention import periods
from core.settings import Settings
from core.tables.credentials import attempt, one_time_code
from core.tables.messaging import inbound, outbox, sms_aside, sms_attempt, sms_report
from core.tables.orders import order

# A message in any other state is still due.
_MESSAGE_HAS_ENDED = outbox.c.status.in_(("sent", "delivered", "undelivered", "failed", "expired", "suppressed"))
_LAST_MOVED = func.greatest(outbox.c.created_at, outbox.c.claimed_at, outbox.c.delivered_at)


@dataclass(frozen=True, slots=True)
class Keeping:
    """A table whose rows go. `days` None: the operator's JASHO_KEEP_MESSAGES_DAYS.

    `found_by` is a column with an index that grows with time. A row goes where it and all of `moments` are older than `days`, and
    `conditions` hold. `is_in_periods`: the row is left to its period first, and goes by itself when that should be gone.
    """

    family: str
    table: Table
    ends: str
    days: int | None
    found_by: Column[Any]
    moments: Sequence[ColumnElement[Any]] = ()
    conditions: Sequence[ColumnElement[bool]] = ()
    is_in_periods: bool = False

    def time(self, settings: Settings) -> timedelta:
        """How long a row stays, at most, after it has ended."""
        kept = settings.messages_are_kept_for if self.days is None else timedelta(days=self.days)
        return kept + periods.length(settings) if self.is_in_periods else kept


# In this order: an attempt refers to its message, an order to its code.
KEPT_FOR_A_TIME = (
    Keeping(
        "messaging",
        sms_attempt,
        "its message has ended",
        None,
        sms_attempt.c.outbox_id,
        (sms_attempt.c.begun_at,),
        (exists().where(outbox.c.id == sms_attempt.c.outbox_id, _MESSAGE_HAS_ENDED),),
        is_in_periods=True,
    ),
    Keeping(
        "messaging",
        outbox,
        "it is sent, expired or given up, and nothing has happened to it since",
        None,
        outbox.c.id,
        (_LAST_MOVED,),
        (_MESSAGE_HAS_ENDED, ~exists().where(sms_attempt.c.outbox_id == outbox.c.id)),
        is_in_periods=True,
    ),
    Keeping("messaging", sms_report, "it has come; after two days it is no attempt's any more", None, sms_report.c.received_at),
    Keeping("messaging", inbound, "it was last taken in hand", None, inbound.c.received_at, (inbound.c.claimed_at,)),
    Keeping("messaging", sms_aside, "it last came or failed", None, sms_aside.c.last_at),
    Keeping("orders", order, "it was placed; its code ends five minutes later", 30, order.c.id, (order.c.created_at,)),
    Keeping(
        "credentials",
        one_time_code,
        "its time is over, used or not",
        30,
        one_time_code.c.id,
        (one_time_code.c.expires_at,),
        (~exists().where(order.c.id == one_time_code.c.id),),
    ),
    Keeping("credentials", attempt, "its day is over", 30, attempt.c.day),
)

_JOURNAL = "the books: each row is part of every balance after it"
_PROOF = "proof of what was agreed and who decided"
KEPT_FOR_EVER = {
    **dict.fromkeys(("account", "transfer", "posting", "hold_leg", "reversal", "exchange", "seal", "ledger_era"), _JOURNAL),
    "open_hold": "the ledger takes a hold off it when it is settled; a duty settles those that are late",
    **dict.fromkeys(("payment", "invitation", "float_trade"), "money that came from outside or went there"),
    **dict.fromkeys(("approval", "policy", "claim", "job", "application", "review"), _PROOF),
    "goal": "names a ledger account",
    **dict.fromkeys(("customer", "agent"), "names whose the accounts are"),
    "agent_day": "what commission was paid for",
    "pin": "one row for each customer",
    "chore": "says that work was done; without the row it would be done again",
    "opt_out": "holds until its number wants messages again",
    "sms_provider": "one row for each provider",
    "canary": "one row for each secret",
    **dict.fromkeys(("switch_change", "banner_change"), "who turned what off, when and why"),
    "schema_contract": "one row",
    "heartbeat": "one row for each worker; a worker deletes those that are an hour old",
}
# By the form of the key, in seconds. Redis itself ends them.
IN_REDIS = {
    "ussd:{phone}:session": 120,
    "ussd:{phone}:resume": 900,
    "ussd:{phone}:turn": 9,
    "ussd:{phone}:begun": 900,
    "ussd:{phone}:past": 86_400,
    "ussd:process:{name}": 2,
}
