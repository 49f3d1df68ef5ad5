"""What the service answers to SMS commands."""

from core.i18n import _

SMS_BALANCE = _("Your balance is {balance}.")
SMS_BALANCE_PRIVATE = _("Your balance is shown after your PIN only. Dial {service_code}.")
SMS_LINES = _("{lines}")
SMS_NO_TRANSACTIONS = _("You have no transactions yet.")
SMS_SEND = _("Send {amount} to {name} {phone}, fee {fee}? Reply OK {code} in 5 minutes. Tell nobody.")
SMS_SEND_AGAIN = _("The fee rose: nothing sent. Send {amount} to {name} {phone}, fee {fee}? Reply OK {code} in 5 min.")
SMS_INVITE = _(
    "{phone} is not on Jasho yet. To send to it all the same dial {service_code}, 4: the money waits there for 7 days."
)
SMS_APPROVE = _("{amount} to {name} {phone} is more than SMS may send. Dial {service_code} and confirm it with your PIN.")
SMS_SAVE = _("Save {amount} into {goal}? Reply OK {code} in 5 minutes. Tell nobody.")
SMS_NO_GOAL = _("You have no savings goal yet. To make one dial {service_code}, 5 Savings, 2 New goal.")
SMS_WHICH_GOAL = _(
    "Into which goal? Write its name behind the amount: SAVE 200 School fees. For your goals dial {service_code}, 5."
)
SMS_DONE_ALREADY = _("This is done already: {reference}, {amount} to {name}. Nothing was done again.")
SMS_NO_CODE = _(
    "No order of yours waits for this code: nothing was done. If it was your PIN, change it now: dial "
    "{service_code}, 9, 2. Never send a PIN by SMS."
)
SMS_PIN_SEEN = _(
    "Never send your PIN by SMS: nothing was done, and we did not keep it. Change it now: dial "
    "{service_code}, 9 My Account, 2 Change PIN."
)
SMS_JOBS = _("{lines}\nTo apply: APPLY {number}")
SMS_NO_JOBS = _("We found no open job like that. Try another word, or JOBS alone for all.")
SMS_APPLIED = _(
    "You have applied for job {number}, {title}. The employer has been told; we write to you when there is an answer."
)
SMS_COVERS = _("Your covers, and until when:\n{lines}")
SMS_NO_COVER = _("You have no cover yet. To see what there is, dial {service_code}, 8 Insurance.")
SMS_LANGUAGE = _("From now on we write English.")
SMS_HELP = _(
    "BAL, MINI, SEND 500 0722000111, SAVE 200, JOBS, APPLY 10420, COVER, LANG SW, STOP. All else: dial "
    "{service_code}. Never send your PIN."
)
SMS_NOT_REGISTERED = _(
    "This number has no Jasho account yet. Reply JOIN and your full name, for example JOIN Asha Wanjiku, or dial {service_code}."
)
SMS_JOINED_ALREADY = _("You have a Jasho account already. Dial {service_code} to use it.")
SMS_TRY = _("We did not understand. Write it like this: {example}")
SMS_STOPPED = _(
    "You will get no more reminders from us. Receipts for your own money still come. For reminders again reply START."
)
SMS_STOPPED_PIN = _(
    "You will get no more reminders from us. If you wrote your PIN, change it now: dial {service_code}, 9, 2. For reminders "
    "reply START."
)
SMS_STARTED = _("You will get our reminders again. To stop them reply STOP.")
SMS_OFF = _("Commands by SMS are off for now: nothing was done. Your money is safe. Dial {service_code} for everything.")
SMS_ALL_OFF = _("We are closed for a short while: nothing was done. Your money is safe. Please try again later.")
