"""Africa's Talking, by its SDK: Kenya's own, and the first choice there."""

import json
from functools import partial
from typing import Any

from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService

from core.messaging.deliveries import Answer, Attempt, Outcome
from gateway.providers.africastalking.settings import AfricasTalkingSettings
from gateway.sms.provider import CALL_SECONDS, CONNECT_SECONDS, READ_SECONDS, Threads

NAME = "africastalking"
WEIGHT = 1

# What it says of a recipient.
_OUTCOMES = {
    100: Outcome.SENT,  # Processed
    101: Outcome.SENT,  # Sent
    102: Outcome.SENT,  # Queued
    401: Outcome.REFUSED,  # RiskHold
    402: Outcome.AWAY,  # InvalidSenderId
    403: Outcome.BARRED,  # InvalidPhoneNumber
    404: Outcome.BARRED,  # UnsupportedNumberType
    405: Outcome.AWAY,  # InsufficientBalance
    406: Outcome.BARRED,  # UserInBlacklist
    407: Outcome.REFUSED,  # CouldNotRoute
    409: Outcome.BARRED,  # DoNotDisturbRejection
    500: Outcome.AWAY,  # InternalServerError
    501: Outcome.AWAY,  # GatewayError
    502: Outcome.AWAY,  # RejectedByGateway
}
_OPTED_OUT = 406
# What stands there instead of a name where it took nothing on.
_NO_ID = ("", "None")


class AfricasTalking:
    """The SDK has no setting for its address, so it is put where the SDK keeps it."""

    name = NAME
    weight = WEIGHT

    def __init__(self, settings: AfricasTalkingSettings, call_seconds: float = CALL_SECONDS) -> None:
        self._sms = SMSService(settings.username, settings.api_key)
        if settings.base_url:
            self._sms._baseUrl = f"{settings.base_url.rstrip('/')}/version1"  # noqa: SLF001 - see above
        self._sender = settings.sender or None
        self._call_seconds = call_seconds
        self._threads = Threads()

    async def send(self, attempt: Attempt) -> Answer:
        return await self._threads.call(partial(self._call, attempt), self._call_seconds)

    def _call(self, attempt: Attempt) -> Answer:
        message = attempt.message
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        try:
            said = self._sms.send(message.body, [message.phone], sender_id=self._sender, timeout=timeout)
        except AfricasTalkingException:
            return Answer(Outcome.AWAY, "HTTP")  # anything but 2xx; the SDK does not say what
        return read_answer(said)


def read_answer(said: object) -> Answer:
    """What the SDK returned: parsed already, or a text where the content type was not exactly JSON's."""
    try:
        about: Any = json.loads(said) if isinstance(said, str) else said
        data = about["SMSMessageData"]
        if not data["Recipients"]:
            return Answer(Outcome.AWAY, str(data["Message"]))  # nothing was sent to anybody: InvalidSenderId, say
        one = data["Recipients"][0]
        code = int(one["statusCode"])
        provider_id, cost = str(one.get("messageId", "")), str(one.get("cost", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Answer(Outcome.UNSURE, "not understood")
    return Answer(
        _OUTCOMES.get(code, Outcome.UNSURE),
        str(code),
        None if provider_id in _NO_ID else provider_id[:128],
        cost[:32] or None,
        has_opted_out=code == _OPTED_OUT,
    )
