"""My Account: statement, language, privacy, details, closing. pin.py has the PIN."""

from dataclasses import replace

from core import clock, features, phones
from core.credentials import pins
from core.customers import details, profiles, wallet
from core.i18n import LANGUAGES, _
from core.membership import closing
from core.operations.refusals import ClosingOff, PinResetOff
from core.wording import describe_line
from menus import pin
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, again, ok, outcomes
from menus.engine.session import Step


@outcomes("ok", "empty", "private")
async def open_statement(step: Step) -> Outcome:
    return Outcome("private") if step.session.registered.asks_pin_for_balance else await read_statement(step)


@outcomes("ok", "empty", calls=(pins.check,))
async def open_private_statement(step: Step) -> Outcome:
    await pins.check(step.runtime, step.session.registered.id, step.text)
    return await read_statement(step)


async def read_statement(step: Step) -> Outcome:
    session, country = step.session, step.runtime.settings.country
    lines = await wallet.list_newest(step.runtime, session.registered)
    if not lines:
        return Outcome("empty")
    return ok(lines="\n".join(describe_line(line, session.language, country) for line in lines))


@outcomes("ok")
async def set_language(step: Step) -> Outcome:
    session, language = step.session, list(LANGUAGES)[int(step.text) - 1]
    await profiles.set_language(step.runtime, session.registered.id, language)
    session.language = language
    session.customer = replace(session.registered, language=language)
    return ok()


@outcomes("private", "open")
async def open_privacy(step: Step) -> Outcome:
    return Outcome("private" if step.session.registered.asks_pin_for_balance else "open")


@outcomes("ok")
async def make_private(step: Step) -> Outcome:
    return await _set_privacy(step, asks_pin=True)


@outcomes("ok", calls=(pins.check,))
async def make_open(step: Step) -> Outcome:
    await pins.check(step.runtime, step.session.registered.id, step.text)
    return await _set_privacy(step, asks_pin=False)


async def _set_privacy(step: Step, *, asks_pin: bool) -> Outcome:
    await profiles.set_balance_privacy(step.runtime, step.session.registered.id, asks_pin=asks_pin)
    step.session.customer = replace(step.session.registered, asks_pin_for_balance=asks_pin)
    return ok()


@outcomes("ok")
async def read_details(step: Step) -> Outcome:
    customer = step.session.registered
    facts = await details.get(step.runtime, customer)
    return ok(
        name=customer.name,
        phone=phones.national(customer.phone),
        number=facts.national_id_end or "-",
        most=facts.transfer_limit,
        amount=facts.day_limit,
        date=clock.day_text(facts.customer_since),
    )


@outcomes("ok", calls=(closing.check_closable,))
async def begin_closing(step: Step) -> Outcome:
    customer = step.session.registered
    if not customer.asks_pin_for_balance:  # the refusal would show the balance
        await closing.check_closable(step.runtime, customer, features.ENDINGS)
    return ok()


@outcomes("ok", calls=(closing.close,))
async def close(step: Step) -> Outcome:
    await closing.close(step.runtime, step.session.registered, step.text, features.ENDINGS)
    return ok(service_code=step.runtime.settings.service_code)


SCREENS = (
    Choice(
        "account",
        _("My Account"),
        options=(
            Option(
                "1",
                _("Mini statement"),
                do=open_statement,
                goto={"ok": "statement", "empty": "statement_empty", "private": "statement_pin"},
            ),
            Option("2", _("Change PIN"), goto="change_pin_old"),
            Option("3", _("Language"), goto="language"),
            Option("4", _("Balance privacy"), do=open_privacy, goto={"private": "privacy_pin", "open": "privacy"}),
            Option("5", _("My details"), do=read_details, goto={"ok": "details"}),
            Option(
                "6",
                _("Close account"),
                do=begin_closing,
                goto={"ok": "close_pin", "account_not_empty": "close_later", "account_in_use": "close_later"},
                off=ClosingOff,
            ),
            Option("7", _("Forgot PIN"), goto="forgot_pin_id", off=PinResetOff),
        ),
    ),
    Choice("statement", _("Last transactions\n{lines}")),
    Choice("statement_empty", _("No transactions yet.")),
    Ask(
        "statement_pin",
        _("Enter PIN to see your last transactions."),
        do=open_private_statement,
        goto={
            "ok": "statement",
            "empty": "statement_empty",
            **again("statement_pin"),
        },
        secret=True,
    ),
    Choice(
        "language",
        _("Choose your language"),
        options=tuple(
            Option(str(number), name, do=set_language, goto={"ok": "language_done"})
            for number, name in enumerate(LANGUAGES.values(), start=1)
        ),
    ),
    Choice("language_done", _("From now on we speak English.\nReply 00 for menu."), navigation=False),
    Choice(
        "privacy",
        _("Anybody who holds your phone can see your balance. Shall we ask for your PIN first?"),
        options=(Option("1", _("Yes, ask for my PIN"), do=make_private, goto={"ok": "privacy_done"}),),
    ),
    Choice(
        "privacy_done", _("From now on we ask for your PIN before we show your balance.\nReply 00 for menu."), navigation=False
    ),
    Ask(
        "privacy_pin",
        _("Your balance is shown only after your PIN. To show it without, enter your PIN."),
        do=make_open,
        goto={
            "ok": "privacy_ended",
            **again("privacy_pin"),
        },
        secret=True,
    ),
    Choice("privacy_ended", _("From now on your balance is shown without your PIN.\nReply 00 for menu."), navigation=False),
    Choice(
        "details",
        _("{name}\nPhone {phone}\nID number ends in {number}\nLimit at once {most}\nLimit a day {amount}\nCustomer since {date}"),
    ),
    Choice("close_later", _("Then you can close your account here.")),
    Ask(
        "close_pin",
        _(
            "Closing is for good and ends your covers. You can join again later, as somebody new. "
            "Enter PIN to close your account."
        ),
        do=close,
        goto={
            "ok": "close_done",
            "account_not_empty": "close_later",
            "account_in_use": "close_later",
            **again("close_pin"),
        },
        secret=True,
    ),
    End("close_done", _("Your account is closed. Thank you for being with Jasho. Dial {service_code} to join again.")),
    *pin.SCREENS,
)
