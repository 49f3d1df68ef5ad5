"""SMS to senders and recipients."""

from core.i18n import _

SENT = _("{reference} confirmed. {amount} sent to {name} {phone}. Fee {fee}. Balance {balance}.")
SENT_ROUNDED = _("{reference}: {amount} sent to {name} {phone}. Fee {fee}. Saved {saved}. Balance {balance}.")
RECEIVED = _("{reference} confirmed. You received {amount} from {name} {phone}. Balance {balance}.")
INVITED = _("{reference} confirmed. {amount} waits for {phone} until {moment}, then comes back. Fee {fee}. Balance {balance}.")
INVITATION = _("{name} {phone} sent you {amount}. Dial {service_code} before {moment}, join Jasho for free and it is yours.")
INVITED_CAME = _("{name} {phone} has joined Jasho and received your {amount}. Reference {reference}.")
INVITED_NEVER_CAME = _(
    "{reference} confirmed. {phone} did not join in time: your {amount} is back, fee included. Balance {balance}."
)
SENDING_EXPIRED = _("You did not approve sending {amount} to {phone} within a day. Nothing was sent.")
