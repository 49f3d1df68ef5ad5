"""Welcome and goodbye, by SMS."""

from core.i18n import _

WELCOME = _(
    "Welcome to Jasho, {name}. Dial {service_code} to save, send and receive money. We never ask for your PIN by SMS or call."
)
SMS_JOINED = _("Welcome to Jasho, {name}. One step is left: dial {service_code} and choose your PIN. Never tell it to anybody.")
GOODBYE = _("Goodbye, {name}. Your Jasho account is closed. Dial {service_code} whenever you want to open a new one.")
