"""What a customer reads where her hop has failed. One place decides it, by what was reached.

"Nothing was done" is said only where that is known: this hop has handed nothing to the database, and no earlier copy of it, nor
the session before, may have. Otherwise the receipt is looked up by its key. Where there is none she reads that it may have been
done: it may be under way still, and not everything that is done has a receipt.
"""

import re
from collections.abc import Iterable
from datetime import timedelta

import structlog
from redis import RedisError

from core import clock, reading, septets
from core.customers import profiles, wallet
from core.customers.profiles import Customer
from core.deadline import within
from core.errors import Busy
from core.faults import is_away
from core.faults.outage import Outage
from core.faults.reached import Reached
from core.i18n import LANGUAGES, _, translate
from core.ledger.refusals import ClockWrong
from core.runtime import Runtime
from core.wording import describe_done
from gateway.ussd.past import likely_origins
from gateway.ussd.sessions import RESUME_SECONDS
from menus import approvals, opening
from menus.engine.session import Session, keys_of

LOOK_SECONDS = 1.0
# Of the hop's budget, to keep the session.
SPARE_SECONDS = 0.6
# More than the PINs that are right in a session.
_MOST_KEYS = 8
_PIN = re.compile(r"[0-9]{4}#?")
_MOST_TYPED = 40

log = structlog.get_logger()

# Short enough for both languages in one screen, where the customer's is not known yet.
NOTHING_DONE = _("Sorry, we cannot answer now. Nothing was done. Please dial again soon.")
LOOK_FIRST = _("Sorry, we cannot answer now. Dial again soon, and look before you repeat.")
MAYBE_DONE = _("Sorry, this takes too long. It may have been done. Please dial again and look before you repeat it.")


class Failing:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._redis_outage = Outage("Redis")

    def redis_is_back(self) -> None:
        self._redis_outage.over()

    def tell(self, error: Exception, screen: str) -> None:
        """Writes the error to the log; where a server is away, once for all customers."""
        if isinstance(error, RedisError):
            self._redis_outage.fault(error)
        elif is_away(error):
            self._runtime.database.outage.fault(error)
        else:
            log.error("hop failed", screen=screen, exc_info=error)

    async def answer_without_session(self, session_id: str, phone: str, text: str) -> str:
        """The reply where the session could not be read. `text` may end with the PIN of what was done a moment ago.

        After other inputs the last thing that the session did is not what she asks for.
        """
        origins = likely_origins(session_id, self._runtime.settings.country)
        done = await self.find_done_in(origins, await self._find(phone)) if _ends_with_pin(text) else None
        return done or end_in_every_language(LOOK_FIRST)

    def answer_dial(self, error: Exception, reached: Reached) -> str:
        """The reply to a dial that has failed."""
        self.tell(error, "dial")
        return end_in_every_language(LOOK_FIRST if reached.decide() else NOTHING_DONE)

    async def answer(self, session: Session, reached: Reached) -> str:
        """The reply to a hop that has failed on the session's screen."""
        if not (reached.decide() or session.is_doubtful):
            return end(NOTHING_DONE, session.language)
        session.doubt()
        keys = [session.key, *approvals.keys(session)]
        done = None if session.customer is None else await self._find_done(session.customer, keys)
        if done is None:
            return end(MAYBE_DONE, session.language)
        session.confirmed += 1
        return done

    def reply_unkept(self, reply: str, language: str) -> str:
        """The reply to a hop whose session could not be kept: a copy of it, which finds no reply, may do it a moment later."""
        refused = tuple(end(sentence, language) for sentence in (NOTHING_DONE, Busy.sentence, ClockWrong.sentence))
        return end(MAYBE_DONE, language) if reply.startswith(refused) else reply

    async def find_done_in(self, origins: Iterable[str], customer: Customer | None) -> str | None:
        """The reply that tells what sessions with these origins have done last; None where that is nothing, or not known."""
        keys = [key for origin in origins for key in keys_of(origin, _MOST_KEYS)]
        return None if customer is None else await self._find_done(customer, keys)

    async def _find(self, phone: str) -> Customer | None:
        try:
            return await within(LOOK_SECONDS, profiles.find(self._runtime, phone), spare_seconds=SPARE_SECONDS)
        except Exception as error:  # noqa: BLE001 - it is told, and she reads that we do not know
            self.tell(error, "away")
            return None

    async def _find_done(self, customer: Customer, keys: list[str]) -> str | None:
        # What is older was not done by a hop that may be on its way still.
        since = clock.now() - timedelta(seconds=RESUME_SECONDS)
        try:
            looking = wallet.find_last_done(self._runtime, customer, keys, since)
            done = await within(LOOK_SECONDS, looking, spare_seconds=SPARE_SECONDS)
        except Exception as error:  # noqa: BLE001
            self.tell(error, "away")
            return None
        if done is None:
            return None
        heading = translate(opening.DONE_ALREADY, customer.language)
        return "END " + septets.plain(f"{heading}\n{describe_done(done, customer.language)}")


def _ends_with_pin(text: str) -> bool:
    """Is the last of several inputs one that may be a PIN?"""
    _, star, typed = text.rpartition("*")
    return bool(star) and _may_be_pin(typed)


def holds_pin(text: str) -> bool:
    """May one of several inputs be a PIN? Then it is hardly dialled: it may be a late hop of a session that nobody remembers."""
    return any(_may_be_pin(typed) for typed in text.split("*")[1:])


def _may_be_pin(typed: str) -> bool:
    return len(typed) <= _MOST_TYPED and _PIN.fullmatch(reading.clean(typed)) is not None


def end(message: str, language: str) -> str:
    return "END " + translate(message, language)


def end_in_every_language(message: str) -> str:
    return "END " + "\n".join(translate(message, language) for language in LANGUAGES)
