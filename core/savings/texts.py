"""SMS about savings goals."""

from core.i18n import _

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
