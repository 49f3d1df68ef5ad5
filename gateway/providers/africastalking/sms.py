"""Africa's Talking, by its SDK: Kenya's own, and the first choice there."""

import json
from functools import partial
from typing import Any

from africastalking.Service import AfricasTalkingException
from africastalking.SMS import SMSService

from core.messaging.deliveries import Attempt, ProviderAnswer, SendOutcome
from gateway.providers.africastalking.settings import AfricasTalkingSettings
from gateway.sms.provider import CALL_SECONDS, CONNECT_SECONDS, READ_SECONDS, Threads

NAME = "africastalking"
WEIGHT = 1

# Its status codes of a recipient.
_OUTCOMES = {
    100: SendOutcome.SENT,  # Processed
    101: SendOutcome.SENT,  # Sent
    102: SendOutcome.SENT,  # Queued
    401: SendOutcome.REFUSED,  # RiskHold
    402: SendOutcome.AWAY,  # InvalidSenderId
    403: SendOutcome.BARRED,  # InvalidPhoneNumber
    404: SendOutcome.BARRED,  # UnsupportedNumberType
    405: SendOutcome.AWAY,  # InsufficientBalance
    406: SendOutcome.BARRED,  # UserInBlacklist
    407: SendOutcome.REFUSED,  # CouldNotRoute
    409: SendOutcome.BARRED,  # DoNotDisturbRejection
    500: SendOutcome.AWAY,  # InternalServerError
    501: SendOutcome.AWAY,  # GatewayError
    502: SendOutcome.AWAY,  # RejectedByGateway
}
_OPTED_OUT = 406
# Its message id where it took nothing on.
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

    async def send(self, attempt: Attempt) -> ProviderAnswer:
        return await self._threads.call(partial(self._call, attempt), self._call_seconds)

    def _call(self, attempt: Attempt) -> ProviderAnswer:
        message = attempt.message
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        try:
            response = self._sms.send(message.body, [message.phone], sender_id=self._sender, timeout=timeout)
        except AfricasTalkingException:
            return ProviderAnswer(SendOutcome.AWAY, "HTTP")  # anything but 2xx; the SDK does not say what
        return read_answer(response)


def read_answer(response: object) -> ProviderAnswer:
    """What the SDK returned: parsed already, or a text where the content type was not exactly JSON's."""
    try:
        parsed: Any = json.loads(response) if isinstance(response, str) else response
        data = parsed["SMSMessageData"]
        if not data["Recipients"]:
            return ProviderAnswer(SendOutcome.AWAY, str(data["Message"]))  # nothing was sent to anybody: InvalidSenderId, say
        recipient = data["Recipients"][0]
        code = int(recipient["statusCode"])
        provider_id, cost = str(recipient.get("messageId", "")), str(recipient.get("cost", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ProviderAnswer(SendOutcome.UNSURE, "not understood")
    return ProviderAnswer(
        _OUTCOMES.get(code, SendOutcome.UNSURE),
        str(code),
        None if provider_id in _NO_ID else provider_id[:128],
        cost[:32] or None,
        has_opted_out=code == _OPTED_OUT,
    )
