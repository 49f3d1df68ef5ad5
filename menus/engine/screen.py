"""A screen as its reader sees it: translated, filled in, in the phone's alphabet, and cut into pages where it is long."""

from dataclasses import dataclass

from core import septets
from core.errors import Refusal
from core.i18n import _, translate
from core.septets import SCREEN_SEPTETS
from menus.engine.dsl import HOME_SCREEN, Ask, Choice, End, Option, Pick, Screen
from menus.engine.session import Session, Slots

BACK_LINE = _("0. Back 00. Home")
MORE_LINE = _("98. More")
# It stands in for a balance that is shown only after the PIN.
HIDDEN = "***"
DIAL_AGAIN = _("Please dial again when you are ready.")


@dataclass(frozen=True, slots=True)
class Rendered:
    """At most 160 septets of GSM 03.38, and whether another page follows."""

    text: str
    has_more: bool


def render(screen: Screen, session: Session, refusal: Refusal | None = None) -> Rendered:
    """The session's present page of the screen. A refusal's sentence stands above the screen to which it leads."""
    language = session.language
    below = [translate(BACK_LINE, language)] if has_navigation(screen, session) else []
    pages = paginate(body(screen, session, refusal), below, translate(MORE_LINE, language))
    page = min(max(session.page, 0), len(pages) - 1)
    return Rendered(pages[page], page < len(pages) - 1)


def give_up(session: Session, refusal: Refusal) -> str:
    """The last text where one screen has refused too often."""
    return septets.plain(f"{sentence(refusal, session.language)}\n{translate(DIAL_AGAIN, session.language)}")


def sentence(refusal: Refusal, language: str) -> str:
    """A refusal's sentence in the language."""
    return translate(refusal.sentence, language).format(**refusal.params)


def body(screen: Screen, session: Session, refusal: Refusal | None) -> list[str]:
    """The screen's lines before paging: the refusal, the text, the options."""
    language = session.language
    above = (session.heading or session.banner) if screen.name == HOME_SCREEN else ""
    if refusal is not None:
        above = sentence(refusal, language)
    text = septets.plain((above and above + "\n") + translate(screen.text, language).format_map(_placeholders(screen, session)))
    return [*text.split("\n"), *numbered(screen, session)]


def _placeholders(screen: Screen, session: Session) -> dict[str, str]:
    """What fills the placeholders. A question comes before the PIN, so some customers do not see their balance there."""
    if isinstance(screen, Ask) and session.customer is not None and session.customer.asks_pin_for_balance:
        return Slots({**session.slots, "balance": HIDDEN})
    return session.slots


def numbered(screen: Screen, session: Session) -> list[str]:
    """The lines with a number to choose."""
    if isinstance(screen, Pick):
        return [
            f"{number}. {septets.plain(item.label)}" for number, item in enumerate(session.items.get(screen.name, []), start=1)
        ]
    options = visible(screen, session) if isinstance(screen, Choice) else ()
    return [f"{option.key}. {translate(option.label, session.language)}" for option in options]


def visible(screen: Choice, session: Session) -> tuple[Option, ...]:
    """The options that this customer may choose."""
    return tuple(option for option in screen.options if option.when is None or option.when(session))


def has_navigation(screen: Screen, session: Session) -> bool:
    """Is there a screen to go back to, and does the text not mention it already?"""
    return bool(session.stack) and not isinstance(screen, End) and (screen.navigation if isinstance(screen, Choice) else True)


def paginate(lines: list[str], below: list[str], more_line: str) -> list[str]:
    """Pages of at most 160 septets: whole lines where they fit, `below` under each page, `more_line` where one follows."""
    whole = "\n".join([*lines, *below])
    if septets.count(whole) <= SCREEN_SEPTETS:
        return [whole]
    foot = [more_line, *below]
    room = SCREEN_SEPTETS - septets.count("\n".join(foot)) - 1
    pages: list[str] = []
    page = ""
    for line in [piece for whole_line in lines for piece in _pieces(whole_line, room)]:
        longer = f"{page}\n{line}" if page else line
        if septets.count(longer) > room:
            pages.append("\n".join([page, *foot]))
            page = line
        else:
            page = longer
    return [*pages, "\n".join([page, *below])]


def _pieces(line: str, room: int) -> list[str]:
    """A line that is longer than a page, cut between words, or within a word that is longer than a page."""
    pieces: list[str] = []
    while septets.count(line) > room:
        end = len(line)
        while septets.count(line[:end]) > room:
            end -= 1
        space = line.rfind(" ", 1, end + 1)
        cut = space if space > 0 else end
        pieces.append(line[:cut])
        line = line[cut:].lstrip()
    return [*pieces, line]
