"""SMS that come in, from any provider: leased, understood, and answered through the outbox.

Their text is neither logged nor kept: it may hold a PIN. The sender's number proves nothing, so nothing moves money here except
a one-time code that only the number's owner has received.
"""

from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from core import chores, clock
from core.customers import profiles
from core.customers.profiles import Customer
from core.deadline import within
from core.errors import Refusal
from core.faults import is_away
from core.i18n import translate
from core.messaging import aside, inbound, notices
from core.messaging.aside import Brought
from core.messaging.inbound import Intake
from core.operations.switches import SMS, USSD
from core.runtime import Runtime
from gateway.sms import commands, texts
from gateway.sms.answers import EXAMPLES, SmsReply, SmsRequest, find_done_already, reply_to, reply_to_stranger
from gateway.sms.commands import LooksLikeAPin, NotUnderstood
from gateway.sms.failures import is_kept_aside

# Twilio waits fifteen seconds.
_ANSWER_SECONDS = 8.0
# How an SMS is recorded that came while the channel was off, and what is obeyed all the same: whether we may write.
_OFF = "off"
_ALWAYS = ("stop", "start")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sms:
    """An SMS as its provider delivers it. `id` is the provider's id, `phone` (E.164) the sender's number according to it."""

    provider: str
    id: str
    phone: str
    text: str = field(repr=False)

    @property
    def key(self) -> str:
        """The key under which its command is done once, however often it is delivered."""
        return f"sms:{self.provider}:{self.id}"


@dataclass(frozen=True, slots=True)
class _Sender:
    """The reader of the answer, registered or not."""

    phone: str
    language: str


async def answer(runtime: Runtime, sms: Sms) -> bool:
    """Answers an SMS, once. False where another worker has it or something broke: the provider should deliver it again.

    Not what fails again and again: that is kept aside.
    """
    structlog.contextvars.bind_contextvars(message=sms.id)
    try:
        return await within(_ANSWER_SECONDS, _answer(runtime, sms))
    except Exception as error:
        if is_away(error):
            runtime.database.outage.fault(error)
        else:
            log.exception("SMS not answered", provider=sms.provider)
        return await is_kept_aside(runtime, Brought(sms.provider, aside.SMS, sms.id), error)


async def _answer(runtime: Runtime, sms: Sms) -> bool:
    intake = await inbound.lease(runtime, sms.provider, sms.id, sms.phone)
    if intake is Intake.TOO_MANY:
        log.warning("SMS not answered: too many from one number", provider=sms.provider)
    if intake is not Intake.LEASED:
        return intake is not Intake.LEASED_BY_ANOTHER
    await runtime.switches.look()
    customer = await profiles.find(runtime, sms.phone)
    verb, reply = await _reply_to(runtime, sms, customer)
    language = _language(sms, customer, reply)
    async with runtime.database.transaction() as connection:
        is_first = await inbound.mark_answered(connection, sms.provider, sms.id, verb)
        if is_first and verb == _OFF and not await _is_first_today(runtime, connection, sms.phone):
            return True
        if is_first and reply.text:
            kind = "receipt" if reply.code_id is None else "code"
            to = _Sender(sms.phone, language)
            await notices.tell(runtime, connection, to, reply.text, kind=kind, code_id=reply.code_id, **reply.params)
    return True


async def _reply_to(runtime: Runtime, sms: Sms, customer: Customer | None) -> tuple[str, SmsReply]:
    """Which command it was, and the reply."""
    try:
        command = commands.parse(sms.text, runtime.settings.country)
    except LooksLikeAPin:
        return "pin", SmsReply(texts.SMS_PIN_SEEN)
    except NotUnderstood as error:
        if runtime.switches.is_off(SMS):
            return _OFF, _say_off(runtime)
        if customer is None:
            return "unknown", SmsReply(texts.SMS_NOT_REGISTERED)
        language = customer.language
        example = translate(EXAMPLES[error.verb], language) if error.verb else ""
        unknown = SmsReply(texts.SMS_TRY, {"example": example}) if example else SmsReply(texts.SMS_HELP)
        return "unknown", unknown
    if runtime.switches.is_off(SMS) and command.verb not in _ALWAYS:
        done = None if customer is None else await find_done_already(SmsRequest(runtime, customer, command, sms.key))
        return (_OFF, _say_off(runtime)) if done is None else (command.verb, done)
    try:
        if customer is None:
            return command.verb, await reply_to_stranger(runtime, command, sms.phone, commands.language_of(sms.text))
        return command.verb, await reply_to(SmsRequest(runtime, customer, command, sms.key))
    except Refusal as refusal:
        return command.verb, SmsReply(refusal.sentence, refusal.params)


def _say_off(runtime: Runtime) -> SmsReply:
    return SmsReply(texts.SMS_ALL_OFF if runtime.switches.is_off(USSD) else texts.SMS_OFF)


async def _is_first_today(runtime: Runtime, connection: AsyncConnection, phone: str) -> bool:
    """A number that writes on reads once a day that nobody listens."""
    return await chores.mark_done(
        connection, uuid5(NAMESPACE_URL, f"tel:{phone}"), "sms: off", clock.today(runtime.settings.country).isoformat()
    )


def _language(sms: Sms, customer: Customer | None, reply: SmsReply) -> str:
    """The reader's own language; a stranger's is guessed from the word that she used."""
    if reply.language:
        return reply.language
    return customer.language if customer is not None else commands.language_of(sms.text)
