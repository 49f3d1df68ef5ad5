"""What a dial shows before the menu: a request that waits for an approval, a session to continue, or what was done already.

A dropped line loses nothing. A customer who dials again within 15 minutes may continue where she was. If her PIN had already
moved the money, she reads that instead, and nothing is paid a second time.
"""

from core.customers import wallet
from core.i18n import _, translate
from core.runtime import Runtime
from core.wording import describe_done
from menus import approvals
from menus.engine.dsl import CONTINUE, MAIN_MENU, Choice, Option
from menus.engine.session import Session

DONE_ALREADY = _("This is done already:")
MENU_CHANGED = _("The menu has changed. Please choose again.")

SCREENS = (
    Choice(
        "resume",
        _("Continue where you left off?"),
        options=(Option(CONTINUE, _("Continue"), goto="home"), Option(MAIN_MENU, _("Main menu"), goto="home")),
    ),
)


async def choose(runtime: Runtime, session: Session, earlier: Session | None, *, was_under_way: bool) -> None:
    """Moves a new session from its first screen to what comes before it.

    `earlier` is the phone's session before this one; `was_under_way`: it broke off in the middle of something.
    """
    customer = session.customer
    if earlier is not None and (earlier.customer and earlier.customer.id) != (customer and customer.id):
        earlier = None  # she has registered, or closed her account, meanwhile
    keys = [] if earlier is None else [*earlier.keys, *approvals.keys(earlier)]
    if keys and customer is not None and (done := await wallet.find_last_done(runtime, customer, keys)):
        session.heading = f"{translate(DONE_ALREADY, session.language)}\n{describe_done(done, session.language)}"
        earlier = None
    if customer is not None and customer.has_pin and customer.has_approvals and await approvals.offer(runtime, session):
        if earlier is not None and earlier.is_doubtful:  # it may have answered this request
            session.doubt()
        return
    if earlier is not None and was_under_way:
        # Only the session knows the language of somebody who is registering.
        session.left, session.screen, session.language = earlier, "resume", session.language if customer else earlier.language


async def begin_again(runtime: Runtime, session: Session, earlier: Session) -> None:
    """Says at home why she is there: what she has asked for is done, or the menu has changed on her way to it."""
    await choose(runtime, session, earlier, was_under_way=False)
    session.heading = session.heading or translate(MENU_CHANGED, session.language)
