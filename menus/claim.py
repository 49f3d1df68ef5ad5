"""Claims: saying what happened and when, and looking at what was decided."""

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
async def submit(step: Step) -> Outcome:
    session, slots = step.session, step.session.slots
    happened = inputs.date(step)
    claim = await claims.submit(step.runtime, session.registered, UUID(slots["policy"]), slots["reason"], happened, step.key)
    return ok(number=claim.number, product=translate(claim.name, session.language))


@outcomes("ok", "empty")
async def list_claims(step: Step) -> Outcome:
    session = step.session
    listed = await claims.list_claims(step.runtime, session.registered)
    return ok(lines="\n".join(_line(claim, session.language) for claim in listed)) if listed else Outcome("empty")


def _line(claim: Claim, language: str) -> str:
    product = translate(claim.name, language)
    return translate(_LINES[claim.status], language).format(number=claim.number, product=product, amount=claim.paid)


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
        do=submit,
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
