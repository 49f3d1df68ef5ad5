"""What customers read of a feature that staff have switched off.

A service that declares one of these obeys the switch of that name, which is there because the refusal is (core/refusing.py).
Each sentence says what is off, that money is safe, and what still works.
"""

from core.errors import Kind, Refusal
from core.i18n import _


class SendOff(Refusal):
    switch = "send"
    code = "send_off"
    kind = Kind.AWAY
    sentence = _("Sending money is off for now. Your money is safe. Other services go on.")


class DepositOff(Refusal):
    switch = "deposit"
    code = "deposit_off"
    kind = Kind.AWAY
    sentence = _("Deposits by phone are off for now. Your money is safe. Other services go on.")


class WithdrawOff(Refusal):
    switch = "withdraw"
    code = "withdraw_off"
    kind = Kind.AWAY
    sentence = _("Withdrawing is off for now. Your money is safe. Other services go on.")


class CashInOff(Refusal):
    switch = "cash-in"
    code = "cash_in_off"
    kind = Kind.AWAY
    sentence = _("Top-ups by agents are off for now. Do not take cash for one. Money in accounts is safe.")


class FloatOff(Refusal):
    """Float that the bank turns into money or back, and commission that becomes float."""

    switch = "float"
    code = "float_off"
    kind = Kind.AWAY
    sentence = _("Float and commission cannot be moved for now. Both are safe. Other services go on.")


class SavingsOff(Refusal):
    switch = "savings"
    code = "savings_off"
    kind = Kind.AWAY
    sentence = _("Savings are off for now. What you have saved is safe. Other services go on.")


class JobsOff(Refusal):
    """New work. What is hired is finished, paid, disputed and given back all the same."""

    switch = "jobs"
    code = "jobs_off"
    kind = Kind.AWAY
    sentence = _("New jobs are off for now. Pay that is kept is safe. Running jobs can be finished and paid.")


class InsuranceOff(Refusal):
    """New covers. Covers that run are renewed, and claims have a switch of their own."""

    switch = "insurance"
    code = "insurance_off"
    kind = Kind.AWAY
    sentence = _("Buying insurance is off for now. Your covers and your money are safe. Other services go on.")


class ClaimsOff(Refusal):
    switch = "claims"
    code = "claims_off"
    kind = Kind.AWAY
    sentence = _("Claims are off for now. Your covers and your money are safe. Other services go on.")


class RegistrationOff(Refusal):
    switch = "registration"
    code = "registration_off"
    kind = Kind.AWAY
    sentence = _("New accounts cannot be opened for now. Money sent to you is safe. Please try again later.")


class ClosingOff(Refusal):
    switch = "closing"
    code = "closing_off"
    kind = Kind.AWAY
    sentence = _("Accounts cannot be closed for now. Your money is safe. Other services go on.")


class PinResetOff(Refusal):
    switch = "pin-reset"
    code = "pin_reset_off"
    kind = Kind.AWAY
    sentence = _("Replacing a forgotten PIN is off for now. Your money is safe. Please try again later.")
