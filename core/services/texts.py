"""Every SMS that the service sends, in one place for whoever writes or translates them. One SMS is 160 septets: the lint says so.

`{balance}` is filled in by the ledger, in the transfer's own transaction; `{code}` when the message leaves: no row holds it.
"""

from core.i18n import _

WELCOME = _(
    "Welcome to Jasho, {name}. Dial {service_code} to save, send and receive money. We never ask for your PIN by SMS or call."
)

SENT = _("{reference} confirmed. {amount} sent to {name} {phone}. Fee {fee}. Balance {balance}.")
RECEIVED = _("{reference} confirmed. You received {amount} from {name} {phone}. Balance {balance}.")


def every() -> tuple[str, ...]:
    """All of them, for the lint."""
    return tuple(text for name, text in globals().items() if name.isupper())
