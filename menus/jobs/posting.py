"""Post a job: what, where and for how much; then one screen that shows it all."""

from core.i18n import _
from core.jobs import market, posts
from core.money import Money
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, ok, outcomes
from menus.engine.session import Step
from menus.jobs.words import category_at, category_options


@outcomes("ok", calls=(posts.check_room,))
async def begin(step: Step) -> Outcome:
    await posts.check_room(step.runtime, step.session.registered)
    return ok()


@outcomes("ok")
async def take_category(step: Step) -> Outcome:
    return ok(category=category_at(step.text))


@outcomes("ok", calls=(market.read_place,))
async def take_place(step: Step) -> Outcome:
    return ok(place=market.read_place(step.text))


@outcomes("ok", calls=(market.read_title,))
async def take_title(step: Step) -> Outcome:
    return ok(title=market.read_title(step.text))


@outcomes("ok", calls=(inputs.amount, posts.check_pay))
async def take_pay(step: Step) -> Outcome:
    pay = inputs.amount(step)
    await posts.check_pay(step.runtime, step.session.registered, pay)
    return ok(amount=pay, amount_minor=pay.minor)


@outcomes("ok", calls=(posts.post,))
async def post(step: Step) -> Outcome:
    session, slots = step.session, step.session.slots
    pay = Money(int(slots["amount_minor"]), session.registered.currency)
    job = await posts.post(step.runtime, session.registered, slots["category"], slots["place"], slots["title"], pay, step.key)
    return ok(number=job.number, days=posts.OPEN_FOR.days)


SCREENS = (
    Choice(
        "jobs_post_category",
        _("Which kind of work?"),
        options=category_options(do=take_category, goto={"ok": "jobs_post_place"}),
    ),
    Ask(
        "jobs_post_place",
        _("Where is the work? Write the place, for example Kibera."),
        do=take_place,
        goto={"ok": "jobs_post_title", "bad_text": "jobs_post_place"},
    ),
    Ask(
        "jobs_post_title",
        _("What is to be done? Write it in at most 30 letters, for example Washing clothes."),
        do=take_title,
        goto={"ok": "jobs_post_pay", "bad_text": "jobs_post_title"},
    ),
    Ask(
        "jobs_post_pay",
        _("How much do you pay for all of it?"),
        do=take_pay,
        goto={"ok": "jobs_post_confirm", "bad_amount": "jobs_post_pay", "over_limit": "jobs_post_pay"},
    ),
    Choice(
        "jobs_post_confirm",
        _("{title}, {place}. You pay {amount}. No money leaves your account before you hire."),
        options=(
            Option(
                "1",
                _("Post it"),
                do=post,
                goto={
                    "ok": "jobs_post_done",
                    "bad_text": "jobs_post_title",
                    "bad_amount": "jobs_post_pay",
                    "over_limit": "jobs_post_pay",
                    "too_many_jobs": "jobs",
                    "too_many_tries": "jobs",
                    "key_conflict": "jobs",
                    "account_closed": "jobs",
                },
            ),
        ),
    ),
    End("jobs_post_done", _("Job {number} is on the list for {days} days. When somebody applies, you get an SMS.")),
)
