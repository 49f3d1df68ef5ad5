"""My Account."""

from dataclasses import replace

from core import clock
from core.i18n import LANGUAGES, _
from core.services import customers, transfers
from menus.dsl import Choice, Option, Outcome, ok, outcomes
from menus.session import Step
from menus.statement import what


@outcomes("ok", "empty")
async def read_statement(step: Step) -> Outcome:
    session, country = step.session, step.runtime.settings.country
    lines = await transfers.mini_statement(step.runtime, session.registered)
    if not lines:
        return Outcome("empty")
    told = [f"{clock.day(line.moment, country):%d/%m} {line.amount} {what(line, session.language)}".rstrip() for line in lines]
    return ok(lines="\n".join(told))


@outcomes("ok")
async def set_language(step: Step) -> Outcome:
    session, language = step.session, list(LANGUAGES)[int(step.text) - 1]
    await customers.set_language(step.runtime, session.registered.id, language)
    session.language = language
    session.customer = replace(session.registered, language=language)
    return ok()


SCREENS = (
    Choice(
        "account",
        _("My Account"),
        options=(
            Option("1", _("Mini statement"), do=read_statement, goto={"ok": "statement", "empty": "statement_empty"}),
            Option("2", _("Change PIN"), goto="coming_soon"),
            Option("3", _("Language"), goto="language"),
            Option("4", _("Balance privacy"), goto="coming_soon"),
            Option("5", _("My details"), goto="coming_soon"),
            Option("6", _("Close account"), goto="coming_soon"),
        ),
    ),
    Choice("statement", _("Last transactions\n{lines}")),
    Choice("statement_empty", _("No transactions yet.")),
    Choice(
        "language",
        _("Choose your language"),
        options=tuple(
            Option(str(number), name, do=set_language, goto={"ok": "language_done"})
            for number, name in enumerate(LANGUAGES.values(), start=1)
        ),
    ),
    Choice("language_done", _("From now on we speak English.\nReply 00 for menu."), navigation=False),
)
