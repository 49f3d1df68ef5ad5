"""What the SMS callbacks of all providers share: reading ids and numbers strictly, and answering a provider."""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import PlainTextResponse, Response

from core import phones
from core.errors import BadPhone, Busy
from core.messaging import reports
from core.messaging.reports import DeliveryReport
from core.runtime import Runtime
from gateway.callbacks import Fields, Malformed
from gateway.sms.pool import ProviderPool

_MOST_ID_CHARACTERS = 128
_MOST_REASON_CHARACTERS = 64

log = structlog.get_logger()
Work = Callable[[Fields, Mapping[str, str]], Awaitable[None]]


async def record_report(runtime: Runtime, pool: ProviderPool | None, report: DeliveryReport) -> None:
    """Records a delivery report. One whose message is not known yet is kept."""
    if not await reports.record(runtime, report, pool.names if pool else ()):
        log.info("delivery report of no message that is known yet", provider=report.provider, reported=report.reported)


async def answer(work: Work, fields: Fields, query: Mapping[str, str]) -> Response:
    """Lets `work` do what the callback asks, and answers. Raises Malformed.

    Where something is broken, the answer makes the provider come again.
    """
    try:
        await work(fields, query)
    except (SQLAlchemyError, Busy):
        log.exception("SMS callback not taken")
        return PlainTextResponse("try again", status_code=503)
    return PlainTextResponse("")


def refuse_malformed(error: Malformed) -> Response:
    """The answer to a callback that is not what the provider sends."""
    log.warning("malformed SMS callback", reason=str(error))
    return PlainTextResponse(str(error), status_code=400)


def read_id(text: str, field: str) -> str:
    """A provider's id. Raises Malformed."""
    if not text or len(text) > _MOST_ID_CHARACTERS or not text.isprintable():
        raise Malformed(f"{field} is empty or too long")
    return text


def read_phone(text: str, country: str, what: str) -> str:
    """A number in E.164. Raises Malformed, which says `what` the number was meant to be."""
    try:
        return phones.parse(text, country)
    except BadPhone as error:
        raise Malformed(f"{what} is not a mobile number") from error


def read_word(words: Mapping[str, str], word: str, field: str) -> str:
    """Our word for a provider's. Raises Malformed."""
    if word not in words:
        raise Malformed(f"{field} is none that is known")
    return words[word]


def shortened(reason: str) -> str | None:
    """A provider's reason, cut to what a row keeps; None where it gave none."""
    return reason[:_MOST_REASON_CHARACTERS] or None
