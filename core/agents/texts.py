"""SMS to agents and their customers."""

from core.i18n import _

AGENT_ADDED = _(
    "{name} is a Jasho agent now. Your agent number is {number}. Dial {service_code} and choose 10 to serve customers."
)
TOPPED_UP = _("{reference} confirmed. {amount} to {name} {phone}. You earned {commission}. Float {balance}.")
CASH_RECEIVED = _("{reference} confirmed. {amount} received for cash at {name} {number}. Balance {balance}.")
WITHDRAWN = _("{reference} confirmed. {amount} in cash at {name} {number}. Fee {fee}. Balance {balance}.")
PAY_CASH = _("{reference} confirmed. Pay {amount} in cash to {name} {phone}. Float {balance}.")
FLOAT_BOUGHT = _("{reference} confirmed. {amount} was added to your float. Float {balance}.")
FLOAT_SOLD = _("{reference} confirmed. {amount} was paid out of your float. Float {balance}.")
APPROVAL_ASKED = _("{name}, agent {number}, asks to pay you {amount}, fee {fee}, from your account. Dial {service_code}.")
APPROVAL_REFUSED = _("{name} {phone} said no. Do not pay out {amount}.")
APPROVAL_EXPIRED = _("{name} {phone} did not answer within a day. Do not pay out {amount}.")
