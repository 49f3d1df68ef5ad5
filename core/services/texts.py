"""Every SMS that the service sends, in one place for whoever writes or translates them. One SMS is 160 septets: the lint says so.

`{balance}` is filled in by the ledger, in the transfer's own transaction; `{code}` when the message leaves: no row holds it.
"""

from core.i18n import _

WELCOME = _(
    "Welcome to Jasho, {name}. Dial {service_code} to save, send and receive money. We never ask for your PIN by SMS or call."
)

SENT = _("{reference} confirmed. {amount} sent to {name} {phone}. Fee {fee}. Balance {balance}.")
RECEIVED = _("{reference} confirmed. You received {amount} from {name} {phone}. Balance {balance}.")

AGENT_ADDED = _(
    "{name} is a Jasho agent now. Your agent number is {number}. Dial {service_code} and choose 10 to serve customers."
)
TOPPED_UP = _("{reference} confirmed. {amount} to {name} {phone}. You earned {commission}. Float {balance}.")
CASH_RECEIVED = _("{reference} confirmed. {amount} received for cash at {name} {number}. Balance {balance}.")
WITHDRAWN = _("{reference} confirmed. {amount} in cash at {name} {number}. Fee {fee}. Balance {balance}.")
PAY_CASH = _("{reference} confirmed. Pay {amount} in cash to {name} {phone}. Float {balance}.")
FLOAT_BOUGHT = _("{reference} confirmed. {amount} was added to your float. Float {balance}.")
FLOAT_SOLD = _("{reference} confirmed. {amount} was paid out of your float. Float {balance}.")
APPROVAL_ASKED = _(
    "{name}, agent {number}, asks to pay you {amount} from your account, fee {fee}. Dial {service_code} to answer."
)
APPROVAL_REFUSED = _("{name} {phone} said no. Do not pay out {amount}.")
APPROVAL_EXPIRED = _("{name} {phone} did not answer within a day. Do not pay out {amount}.")
SENDING_EXPIRED = _("You did not approve sending {amount} to {phone} within a day. Nothing was sent.")

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
GOODBYE = _("Goodbye, {name}. Your Jasho account is closed. Dial {service_code} whenever you want to open a new one.")

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
CLAIM_DECLINED = _("Your claim {number} for {product} was not paid: {why}. Questions? Dial {service_code} and choose 7.")

INVITED = _("{reference} confirmed. {amount} waits for {phone} until {moment}, then comes back. Fee {fee}. Balance {balance}.")
INVITATION = _(
    "{name} {phone} sent you {amount}. Dial {service_code} before {moment}, open a free Jasho account and it is yours."
)
INVITED_CAME = _("{name} {phone} has joined Jasho and received your {amount}. Reference {reference}.")
INVITED_NEVER_CAME = _(
    "{reference} confirmed. {phone} did not join in time: your {amount} is back, fee included. Balance {balance}."
)

# Money in from another network, and out to it.
MPESA_PAID_IN = _("{reference} confirmed. You received {amount} from your M-Pesa. Balance {balance}.")
MPESA_NOT_PAID_IN = _("Your deposit of {amount} from M-Pesa was not paid, so nothing was added. You can try again at any time.")
MPESA_DEPOSIT_UNANSWERED = _(
    "M-Pesa has not answered: your deposit of {amount} has not come in. If you did pay, do not worry: it will still arrive."
)
MPESA_PAID_INTO_CLOSED = _(
    "{reference}: {amount} came from M-Pesa after your account was closed. We keep it for you: take your ID to a Jasho agent."
)
MPESA_PAID_OUT = _("{reference} confirmed. {amount} paid to your M-Pesa {phone}. Fee {fee}. Balance {balance}.")
MPESA_NOT_PAID_OUT = _(
    "{reference}: M-Pesa could not take {amount}. It is back in your account, and so is the fee. Balance {balance}."
)
MPESA_WITHDRAWAL_UNANSWERED = _(
    "{reference}: M-Pesa has not answered yet about your {amount}. Your money is safe. An SMS will tell you as soon as we know."
)

SENT_ROUNDED = _("{reference}: {amount} sent to {name} {phone}. Fee {fee}. Saved {saved}. Balance {balance}.")
SAVED = _("{reference} confirmed. {amount} saved to {goal}. Balance {balance}.")
TAKEN_OUT = _("{reference} confirmed. {amount} taken out of {goal}. Balance {balance}.")
SAVED_BY_RULE = _("{reference} confirmed. {amount} went to {goal} by itself, as you asked. Balance {balance}.")
RULE_SHORT = _("{amount} did not go to {goal} today: your balance is too low. You owe nothing. The next time is {date}.")
GOAL_SOON = _("{date} is the day of your goal {goal}. Saved so far: {amount} of {target}. To save more dial {service_code}.")
GOAL_REACHED = _(
    "Well done! You have reached your goal {goal}: {amount}. You can take it out now: dial {service_code}, choose 5."
)
GOAL_SHORT = _(
    "The day of your goal {goal} has come: {amount} of {target}. Take it out or go on saving: dial {service_code}, choose 5."
)

# Jobs: `name` and `phone` are the other side's.
JOB_APPLIED = _("{name} wants your job {number}, {title}. Dial {service_code} and choose 6, then 4, to see who has applied.")
JOB_TAKEN = _("Somebody else was chosen for {title}, {place}. Dial {service_code} to find other jobs.")
JOB_OFF = _("{title}, {place}, is not offered any more. Dial {service_code} to find other jobs.")
JOB_EXPIRED = _(
    "Nobody was hired for job {number}, {title}, in {days} days. It is off the list. Dial {service_code} to post it again."
)
JOB_KEPT = _("{reference} confirmed. {name} {phone} is hired. {amount} is kept for the pay. Balance {balance}.")
JOB_HIRED = _("You are hired by {name} {phone}: {title}, {place}. {amount} is kept for you.")
JOB_FINISHED = _("{name} says that job {number}, {title}, is done. Dial {service_code} to pay {amount}.")
JOB_REMINDER = _("Job {number}, {title}, was done on {date}. {name} waits for {amount}. Dial {service_code} to pay.")
JOB_PAID = _("{reference} confirmed. {name} paid you {amount} for {title}. Balance {balance}.")
JOB_PAYMENT = _("{reference} confirmed. {amount} paid to {name} {phone} for {title}.")
JOB_REFUNDED = _("{reference} confirmed. {amount} that was kept for {title} is back. Balance {balance}.")
JOB_CANCELLED = _("{name} has cancelled job {number}, {title}. Please do not do it. Dial {service_code} to find other jobs.")
JOB_GIVEN_UP = _("{reference}: {name} gave up {title}. {amount} is yours again. Balance {balance}.")
JOB_DISPUTED = _("{name} reports a problem with job {number}, {title}. {amount} stays kept until Jasho decides.")
JOB_UNPAID = _("Job {number}, {title}, is not paid after {days} days. {amount} stays kept until Jasho decides.")
JOB_AWARDED = _("{reference} confirmed. Jasho decided: {amount} for {title} is yours. Balance {balance}.")
JOB_DECIDED = _("Jasho decided about job {number}, {title}: {amount} goes to {name}.")

# Answers to SMS commands.
SMS_BALANCE = _("Your balance is {balance}.")
SMS_BALANCE_PRIVATE = _("Your balance is shown after your PIN only. Dial {service_code}.")
SMS_LINES = _("{lines}")
SMS_NO_TRANSACTIONS = _("You have no transactions yet.")
SMS_SEND = _("Send {amount} to {name} {phone}, fee {fee}? Reply OK {code} in 5 minutes. Tell nobody.")
SMS_INVITE = _(
    "{phone} is not on Jasho yet. To send to it all the same dial {service_code}, 4: the money waits there for 7 days."
)
SMS_APPROVE = _("{amount} to {name} {phone} is more than SMS may send. Dial {service_code} and confirm it with your PIN.")
SMS_SAVE = _("Save {amount} into {goal}? Reply OK {code} in 5 minutes. Tell nobody.")
SMS_NO_GOAL = _("You have no savings goal yet. To make one dial {service_code}, 5 Savings, 2 New goal.")
SMS_WHICH_GOAL = _(
    "Into which goal? Write its name behind the amount: SAVE 200 School fees. For your goals dial {service_code}, 5."
)
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
SMS_JOINED = _("Welcome to Jasho, {name}. One step is left: dial {service_code} and choose your PIN. Never tell it to anybody.")
SMS_JOINED_ALREADY = _("You have a Jasho account already. Dial {service_code} to use it.")
SMS_TRY = _("We did not understand. Write it like this: {example}")
SMS_STOPPED = _(
    "You will get no more reminders from us. Receipts for your own money still come. For reminders again reply START."
)
SMS_STARTED = _("You will get our reminders again. To stop them reply STOP.")


def every() -> tuple[str, ...]:
    """All of them, for the lint."""
    return tuple(text for name, text in globals().items() if name.isupper())
