"""SMS to a customer about her PIN."""

from core.i18n import _

PIN_CHANGED = _(
    "Your Jasho PIN was changed. If it was not you, dial {service_code} now and choose a new one: 9 My Account, 7 Forgot PIN."
)
PIN_CODE = _(
    "{code} is your code for a new Jasho PIN. It lasts 10 minutes. Tell it to nobody: whoever asks you for it wants to steal."
)
PIN_RESET = _(
    "Your Jasho PIN was replaced. Money can leave from {moment}. If it was not you, dial {service_code} "
    "now: 9 My Account, 7 Forgot PIN."
)
