"""Insurance, claims: what happened and when, and what became of it."""

from uuid import UUID

from core.i18n import _, translate
from core.insurance import claims
from core.insurance.claims import DECLINED, PAID, WAITING, Claim
from menus.engine import inputs
from menus.engine.dsl import Ask, Choice, End, Outcome, Pick, found, ok, outcomes
from menus.engine.session import Step

_LINES = {
    WAITING: _("{number} {product}: waiting"),
    PAID: _("{number} {product}: paid {amount}"),
    DECLINED: _("{number} {product}: not paid"),
}


@outcomes("ok", "empty")
async def list_covers(step: Step) -> Outcome:
    session = step.session
    covers = await claims.list_claimable(step.runtime, session.registered)
    return (
        found("claim_cover", ((translate(cover.name, session.language), cover.id) for cover in covers))
        if covers
        else Outcome("empty")
    )


@outcomes("ok")
async def choose_cover(step: Step) -> Outcome:
    return ok(policy=step.picked)


@outcomes("ok", calls=(claims.read_text,))
async def read_reason(step: Step) -> Outcome:
    return ok(reason=claims.read_text(step.text))


@outcomes("ok", calls=(inputs.date, claims.submit))
async def make(step: Step) -> Outcome:
    session, slots = step.session, step.session.slots
    happened = inputs.date(step)
    made = await claims.submit(step.runtime, session.registered, UUID(slots["policy"]), slots["reason"], happened, step.key)
    return ok(number=made.number, product=translate(made.name, session.language))


@outcomes("ok", "empty")
async def list_claims(step: Step) -> Outcome:
    made = await claims.list_claims(step.runtime, step.session.registered)
    return ok(lines="\n".join(_line(one, step.session.language) for one in made)) if made else Outcome("empty")


def _line(one: Claim, language: str) -> str:
    said = {"number": one.number, "product": translate(one.name, language), "amount": one.paid}
    return translate(_LINES[one.status], language).format(**said)


SCREENS = (
    Pick("claim_cover", _("Claim for which cover?"), do=choose_cover, goto={"ok": "claim_reason"}),
    Choice("claim_empty", _("You have no cover to claim for.")),
    Ask(
        "claim_reason",
        _("What happened? Write it in 60 letters or fewer."),
        do=read_reason,
        goto={"ok": "claim_date", "bad_text": "claim_reason"},
    ),
    Ask(
        "claim_date",
        _("Which day did it happen? Day/month/year, not more than 90 days ago."),
        do=make,
        goto={
            "ok": "claim_made",
            "bad_date": "claim_date",
            "day_out_of_range": "claim_date",
            "bad_text": "claim_reason",
            "not_covered": "claim_date",
            "not_permitted": "insurance",
            "request_waits": "insurance",
            "key_conflict": "insurance_failed",
        },
    ),
    End("claim_made", _("Your claim for {product} has the number {number}. We will tell you by SMS what we decide.")),
    Choice("claims", _("Your claims\n{lines}")),
    Choice("claims_empty", _("You have made no claim yet.")),
)
