"""Every way in which the service says no.

    Refusal
    ├── about what was typed      BadPhone BadAmount BadName BadNationalId BadPin BadChoice BadText BadDate
    │                             DayOutOfRange TooLong
    ├── about who it is           WeakPin PinsDiffer NoPin WrongPin PinLocked WrongNationalId WrongCode CodeEnded TooManyTries
    │                             MoneyOutWaits NotPermitted
    ├── about the other side      UnknownRecipient OwnNumber UnknownAgent NoAgentNear
    ├── about money               NotEnoughMoney AmountTooSmall OverLimit OverDayLimit OverBalanceLimit AccountClosed KeyConflict
    │                             HoldClosed AlreadyReversed NeedsApproval GoalLocked TooManyGoals PaymentWaits TooManyWaiting
    │                             ApprovalClosed
    ├── about the account         AlreadyRegistered AccountNotEmpty AccountInUse
    ├── about work and cover      UnknownJob AlreadyApplied JobClosed AlreadyReviewed TooManyJobs AlreadyCovered OutOfSeason
    │                             NotCovered
    └── about the moment          RailAway Busy

A refusal's `code` is the outcome that a menu knows, and what the REST API maps to an HTTP status; `sentence` is what a
customer reads, its placeholders filled from `params`. Anything raised that is not a Refusal is a bug or a broken machine.
"""

from typing import ClassVar

from core.i18n import _


class Refusal(Exception):
    """The service says no, and why. `params` fill the placeholders of `sentence`."""

    code: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, **params: object) -> None:
        super().__init__(self.code)
        self.params = {name: str(value) for name, value in params.items()}


class BadChoice(Refusal):
    code = "bad_choice"
    sentence = _("Choose a number below.")


class TooLong(Refusal):
    code = "too_long"
    sentence = _("That is too long.")


class BadPhone(Refusal):
    code = "bad_phone"
    sentence = _("That is not a mobile number.")


class BadAmount(Refusal):
    code = "bad_amount"
    sentence = _("Write the amount in whole numbers, for example 500.")


class BadName(Refusal):
    code = "bad_name"
    sentence = _("Write your first and last name in letters.")


class BadNationalId(Refusal):
    code = "bad_national_id"
    sentence = _("A national ID number has 6 to 10 digits.")


class BadPin(Refusal):
    code = "bad_pin"
    sentence = _("A PIN has 4 digits.")


class WeakPin(Refusal):
    code = "weak_pin"
    sentence = _("That PIN is too easy to guess.")


class PinsDiffer(Refusal):
    code = "pins_differ"
    sentence = _("The two PINs were not the same.")


class NoPin(Refusal):
    """Somebody who joined by SMS and has not dialled yet."""

    code = "no_pin"
    sentence = _("First dial {service_code} and choose your PIN.")


class WrongPin(Refusal):
    """`tries_left` is at least 1: the wrong PIN that leaves none is PinLocked."""

    code = "wrong_pin"
    sentence = _("Wrong PIN. Tries left: {tries_left}.")


class PinLocked(Refusal):
    code = "pin_locked"
    sentence = _("Your PIN is locked after 3 wrong tries.")


class UnknownRecipient(Refusal):
    code = "unknown_recipient"
    sentence = _("{phone} is not on Jasho yet.")


class OwnNumber(Refusal):
    code = "own_number"
    sentence = _("That is your own number.")


class NotEnoughMoney(Refusal):
    code = "not_enough"
    sentence = _("Not enough money. You need {needed}.")


class AmountTooSmall(Refusal):
    code = "amount_too_small"
    sentence = _("The least is {least}.")


class OverLimit(Refusal):
    code = "over_limit"
    sentence = _("The most at once is {most}.")


class OverDayLimit(Refusal):
    code = "over_day_limit"
    sentence = _("Of your limit for today {most} is left.")


class OverBalanceLimit(Refusal):
    code = "over_balance_limit"
    sentence = _("That would be more than the receiving account may hold.")


class HoldClosed(Refusal):
    code = "hold_closed"
    sentence = _("This is over: it was finished, given up, or waited too long.")


class AlreadyReversed(Refusal):
    code = "already_reversed"
    sentence = _("This transaction has been undone already, or cannot be.")


class NeedsApproval(Refusal):
    """Above the threshold somebody else has to agree."""

    code = "needs_approval"
    sentence = _("This needs the approval of a second person.")


class AccountClosed(Refusal):
    code = "account_closed"
    sentence = _("This account cannot take money now.")


class KeyConflict(Refusal):
    """The key has been used already, for something else."""

    code = "key_conflict"
    sentence = _("This was asked before in another way. Nothing was done now.")


class AlreadyRegistered(Refusal):
    code = "already_registered"
    sentence = _("This number is registered already.")


class BadText(Refusal):
    code = "bad_text"
    sentence = _("Write it in a few plain words.")


class BadDate(Refusal):
    code = "bad_date"
    sentence = _("Write the date as day/month/year, for example 31/12/2026.")


class DayOutOfRange(Refusal):
    """A day that there is, and that cannot be meant here."""

    code = "day_out_of_range"
    sentence = _("That day is too early or too late.")


class UnknownAgent(Refusal):
    code = "unknown_agent"
    sentence = _("No agent has that number.")


class NoAgentNear(Refusal):
    code = "no_agent_near"
    sentence = _("We know no agent there yet. Try the name of a bigger place.")


class UnknownJob(Refusal):
    code = "unknown_job"
    sentence = _("We do not know that job.")


class NotPermitted(Refusal):
    """Somebody else's goal, job, policy or request."""

    code = "not_permitted"
    sentence = _("That is not for you to do.")


class WrongNationalId(Refusal):
    code = "wrong_national_id"
    sentence = _("That is not the ID number of this account.")


class WrongCode(Refusal):
    code = "wrong_code"
    sentence = _("Wrong code. Tries left: {tries_left}.")


class CodeEnded(Refusal):
    code = "code_ended"
    sentence = _("This code has ended. Ask for a new one.")


class TooManyTries(Refusal):
    code = "too_many_tries"
    sentence = _("Too many tries today. Please try again tomorrow.")


class MoneyOutWaits(Refusal):
    """After a forgotten PIN was replaced."""

    code = "money_out_waits"
    sentence = _("For your safety, money can leave your account from {moment}.")


class GoalLocked(Refusal):
    code = "goal_locked"
    sentence = _("This goal is locked until {date}.")


class TooManyGoals(Refusal):
    code = "too_many_goals"
    sentence = _("You have as many goals as fit. Close one first.")


class AccountNotEmpty(Refusal):
    code = "account_not_empty"
    sentence = _("First take out your money: {balance} is left.")


class AccountInUse(Refusal):
    code = "account_in_use"
    sentence = _("Something is still open: savings, a job, a cover or a payment. Finish it first.")


class AlreadyApplied(Refusal):
    code = "already_applied"
    sentence = _("You have applied for this job already.")


class JobClosed(Refusal):
    """The job has moved on since it was shown."""

    code = "job_closed"
    sentence = _("That can no longer be done with this job.")


class AlreadyReviewed(Refusal):
    code = "already_reviewed"
    sentence = _("You have rated this job already.")


class TooManyJobs(Refusal):
    code = "too_many_jobs"
    sentence = _("You have 10 open jobs. Hire for one or cancel one first.")


class AlreadyCovered(Refusal):
    code = "already_covered"
    sentence = _("You have this cover already.")


class OutOfSeason(Refusal):
    code = "out_of_season"
    sentence = _("This cover is not sold at this time of year.")


class NotCovered(Refusal):
    code = "not_covered"
    sentence = _("Your cover did not hold on that day.")


class ApprovalClosed(Refusal):
    code = "approval_closed"
    sentence = _("This request is over. Nothing was done.")


class PaymentWaits(Refusal):
    code = "payment_waits"
    sentence = _("An earlier request is not answered yet. Try again later.")


class TooManyWaiting(Refusal):
    code = "too_many_waiting"
    sentence = _("Too many payments wait for people to join. Try again in a few days.")


class RailAway(Refusal):
    code = "rail_away"
    sentence = _("M-Pesa cannot be reached now. Nothing was done.")


class Busy(Refusal):
    """More work is waiting than can be done in time: refused at once rather than answered late."""

    code = "busy"
    sentence = _("We are very busy. Nothing was done.")


def refusals() -> list[type[Refusal]]:
    """Every refusal there is, in the order of this file."""
    return list(Refusal.__subclasses__())
