"""Last screens that several menus lead to."""

from core.i18n import _
from menus.engine.dsl import End

SCREENS = (
    End("send_failed", _("Please dial again.")),
    End("pin_locked", _("Nothing was done and your money is safe. To choose a new PIN dial again: 9 My Account, 7 Forgot PIN.")),
    End("money_out_waits", _("Nothing was done and your money is safe. You can still save and receive.")),
)
