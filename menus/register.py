"""Registration of a new number: language, name, national ID number, PIN, PIN again."""

from dataclasses import replace

from core.credentials import pins
from core.credentials.refusals import PinsDiffer
from core.customers import profiles
from core.i18n import LANGUAGES, _
from core.membership import joining, registration
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, ok, outcomes
from menus.engine.session import Step


@outcomes("ok", calls=(registration.check_open,))
async def choose_language(step: Step) -> Outcome:
    step.session.language = list(LANGUAGES)[int(step.text) - 1]
    await registration.check_open(step.runtime)
    return ok()


@outcomes("ok", calls=(profiles.read_name,))
async def take_name(step: Step) -> Outcome:
    return ok(name=profiles.read_name(step.text))


@outcomes("ok", calls=(profiles.read_national_id,))
async def take_national_id(step: Step) -> Outcome:
    return ok(national_id=profiles.read_national_id(step.text))


@outcomes("ok", calls=(pins.check_new,))
async def choose_pin(step: Step) -> Outcome:
    pins.check_new(step.text, phone=step.session.phone)
    return ok()


@outcomes("ok", PinsDiffer, calls=(registration.register, joining.complete))
async def open_account(step: Step) -> Outcome:
    if step.text != step.previous_text:
        raise PinsDiffer
    session = step.session
    if session.customer is None:
        session.customer = await registration.register(
            step.runtime,
            phone=session.phone,
            name=session.slots["name"],
            national_id=session.slots["national_id"],
            language=session.language,
            pin=step.text,
        )
    else:
        await joining.complete(step.runtime, session.customer, national_id=session.slots["national_id"], pin=step.text)
        session.customer = replace(session.customer, has_pin=True)
    return ok(name=session.customer.name, service_code=step.runtime.settings.service_code)


SCREENS = (
    Choice(
        "register_language",
        _("Karibu Jasho. Welcome to Jasho.\nChagua lugha / Choose your language"),
        options=tuple(
            Option(str(number), name, do=choose_language, goto={"ok": "register_name"})
            for number, name in enumerate(LANGUAGES.values(), start=1)
        ),
    ),
    Ask(
        "register_name",
        _("To open your account, write your full name as on your ID."),
        do=take_name,
        goto={"ok": "register_national_id", "bad_name": "register_name"},
    ),
    Ask(
        "register_national_id",
        _("{name}, write your national ID number."),
        do=take_national_id,
        goto={"ok": "register_pin", "bad_national_id": "register_national_id"},
    ),
    Ask(
        "register_finish",
        _("Welcome back. To finish your account, write your national ID number."),
        do=take_national_id,
        goto={"ok": "register_pin", "bad_national_id": "register_finish"},
    ),
    Ask(
        "register_pin",
        _("Choose a PIN of 4 digits. Keep it secret: never give it to anybody."),
        do=choose_pin,
        goto={"ok": "register_pin_again", "bad_pin": "register_pin", "weak_pin": "register_pin"},
        secret=True,
    ),
    Ask(
        "register_pin_again",
        _("Repeat the PIN."),
        do=open_account,
        goto={
            "ok": "register_done",
            "pins_differ": "register_pin",
            "bad_pin": "register_pin",
            "weak_pin": "register_pin",
            "already_registered": "register_already",
        },
        secret=True,
    ),
    End("register_done", _("Welcome, {name}! Your Jasho account is open. Dial {service_code} to use it.")),
    End("register_already", _("Please dial again.")),
)
