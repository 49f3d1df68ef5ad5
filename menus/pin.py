"""My Account, PIN: changing it, and replacing one that is forgotten or locked."""

from core import clock
from core.credentials import pins
from core.credentials.refusals import PinsDiffer
from core.customers import pin_change, pin_reset
from core.i18n import _
from menus.engine.dsl import Ask, End, Outcome, again, ok, outcomes
from menus.engine.session import Step


@outcomes("ok", calls=(pins.check,))
async def check_old(step: Step) -> Outcome:
    await pins.check(step.runtime, step.session.registered.id, step.text)
    return ok()


@outcomes("ok", calls=(pins.check_new,))
async def choose(step: Step) -> Outcome:
    pins.check_new(step.text, phone=step.session.phone)
    return ok()


@outcomes("ok", PinsDiffer, calls=(pin_change.change,))
async def change(step: Step) -> Outcome:
    _check_same_twice(step)
    await pin_change.change(step.runtime, step.session.registered, step.text)
    return ok()


@outcomes("ok", "proven", calls=(pin_reset.prove_identity,))
async def prove_identity(step: Step) -> Outcome:
    next_step = await pin_reset.prove_identity(step.runtime, step.session.registered, step.text)
    return Outcome("proven") if next_step is pin_reset.NextStep.CHOOSE_PIN else ok()


@outcomes("ok", calls=(pin_reset.prove_phone,))
async def prove_phone(step: Step) -> Outcome:
    await pin_reset.prove_phone(step.runtime, step.session.registered, step.text)
    return ok()


@outcomes("ok", PinsDiffer, calls=(pin_reset.replace,))
async def replace(step: Step) -> Outcome:
    _check_same_twice(step)
    money_out_from = await pin_reset.replace(step.runtime, step.session.registered, step.text)
    return ok(moment=clock.moment_text(money_out_from, step.runtime.settings.country))


def _check_same_twice(step: Step) -> None:
    if step.text != step.previous_text:
        raise PinsDiffer


SCREENS = (
    Ask(
        "change_pin_old",
        _("Enter the PIN that you have now."),
        do=check_old,
        goto={
            "ok": "change_pin_new",
            **again("change_pin_old"),
        },
        secret=True,
    ),
    Ask(
        "change_pin_new",
        _("Choose a new PIN of 4 digits. Keep it secret: never give it to anybody."),
        do=choose,
        goto={"ok": "change_pin_again", "bad_pin": "change_pin_new", "weak_pin": "change_pin_new"},
        secret=True,
    ),
    Ask(
        "change_pin_again",
        _("Repeat the new PIN."),
        do=change,
        goto={
            "ok": "change_pin_done",
            "pins_differ": "change_pin_new",
            "bad_pin": "change_pin_new",
            "weak_pin": "change_pin_new",
            "pin_locked": "pin_locked",
        },
        secret=True,
    ),
    End("change_pin_done", _("Your PIN was changed. Use the new one from now on.")),
    # Secret, so that no direct dial goes past it and a continued session begins with it (core/customers/pin_reset.py).
    Ask(
        "forgot_pin_id",
        _("To choose a new PIN, write your national ID number. Then we send you a code by SMS."),
        do=prove_identity,
        goto={
            "ok": "forgot_pin_code",
            "proven": "forgot_pin_new",
            "bad_national_id": "forgot_pin_id",
            "wrong_national_id": "forgot_pin_id",
            "too_many_tries": "forgot_pin_closed",
        },
        secret=True,
    ),
    Ask(
        "forgot_pin_code",
        _("Write the code of 6 digits from our SMS. It lasts 10 minutes: if the SMS is late, dial again."),
        do=prove_phone,
        goto={
            "ok": "forgot_pin_new",
            "wrong_code": "forgot_pin_code",
            "code_ended": "forgot_pin_id",
            "too_many_tries": "forgot_pin_closed",
        },
        secret=True,
    ),
    Ask(
        "forgot_pin_new",
        _("Choose a new PIN of 4 digits. Keep it secret: never give it to anybody."),
        do=choose,
        goto={"ok": "forgot_pin_again", "bad_pin": "forgot_pin_new", "weak_pin": "forgot_pin_new"},
        secret=True,
    ),
    Ask(
        "forgot_pin_again",
        _("Repeat the new PIN."),
        do=replace,
        goto={
            "ok": "forgot_pin_done",
            "pins_differ": "forgot_pin_new",
            "bad_pin": "forgot_pin_new",
            "weak_pin": "forgot_pin_new",
            "code_ended": "forgot_pin_id",
        },
        secret=True,
    ),
    End("forgot_pin_done", _("Your new PIN holds from now on. For your safety, money can leave your account from {moment}.")),
    End("forgot_pin_closed", _("Your money is safe until then.")),
)
