"""SMS about covers and claims."""

from core.i18n import _

COVERED = _("{reference} confirmed. {product} cover, {amount}. Pays up to {most} from {date} to {until}. Balance {balance}.")
COVER_RENEWS = _(
    "Your {product} cover renews on {date} for {amount}. Keep the money in your account. To stop it dial {service_code}."
)
COVER_ENDS = _("The last day of your {product} cover is {date}. It does not renew by itself. Dial {service_code} for our covers.")
COVER_RENEWED = _(
    "{reference} confirmed. {product} cover renewed for {amount}. Pays up to {most} until {until}. Balance {balance}."
)
COVER_UNPAID = _(
    "Your {product} cover has stopped: {amount} was not there to renew it. Put it in by {date}: the cover goes on the next day."
)
COVER_ENDED = _("Your {product} cover has ended. Dial {service_code} to buy it again.")
CLAIM_MADE = _("Your claim {number} for {product} has reached us. We will tell you by SMS what we decide.")
CLAIM_PAID = _("{reference} confirmed. Your claim {number} for {product} is paid: {amount}. Balance {balance}.")
CLAIM_DECLINED = _("Your claim {number} for {product} was not paid: {why}. Questions? Dial {service_code}, 7.")
