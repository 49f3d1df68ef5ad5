"""Insurance: products, buying a cover, and a customer's covers. claim.py has the claims."""

from uuid import UUID

from core import clock
from core.i18n import _, translate
from core.insurance import covers
from core.insurance.covers import Offer, Terms
from core.insurance.policies import ENDED, GRACE, Policy
from core.insurance.products import Product
from core.insurance.refusals import OfferChanged
from core.money import Money
from core.operations.refusals import ClaimsOff, InsuranceOff
from menus import claim
from menus.engine import agreed
from menus.engine.dsl import Ask, Choice, End, Option, Outcome, Pick, again, found, ok, outcomes
from menus.engine.session import Session, Step

_OFFER = _("{product} {amount}/{most}")
_COVER = _("{product} until {until}")
_UNPAID = _("{product}: not paid")


@outcomes("ok")
async def list_products(step: Step) -> Outcome:
    line, language = translate(_OFFER, step.session.language), step.session.language
    products = [offer.product for offer in covers.list_offers(step.runtime)]
    return found(
        "products",
        (
            (line.format(product=translate(product.name, language), amount=product.price, most=product.cover), product.key)
            for product in products
        ),
    )


@outcomes("ok", "season", "closed", calls=(covers.get_offer,))
async def show_product(step: Step) -> Outcome:
    offer = covers.get_offer(step.runtime, step.picked)
    slots = _offer_slots(offer, step.session.language)
    if offer.term is None:
        return Outcome("closed", slots)
    return Outcome("season" if offer.product.seasons else "ok", slots)


@outcomes("ok", calls=(covers.buy,))
async def buy(step: Step) -> Outcome:
    session = step.session
    product_key = session.slots["product_key"]
    try:
        purchase = await covers.buy(step.runtime, session.registered, product_key, step.text, step.key, agreed=_agreed(session))
    except OfferChanged:
        session.slots |= _offer_slots(covers.get_offer(step.runtime, product_key), session.language)
        raise
    return ok(reference=purchase.reference, balance=purchase.balance, **_cover_slots(purchase.policy, session))


@outcomes("ok", "empty")
async def list_covers(step: Step) -> Outcome:
    session = step.session
    policies = await covers.list_policies(step.runtime, session.registered)
    return found("covers", ((_line(cover, session), cover.id) for cover in policies)) if policies else Outcome("empty")


@outcomes("renews", "ends", "season", "unpaid", calls=(covers.get_policy,))
async def show_cover(step: Step) -> Outcome:
    session = step.session
    cover = await covers.get_policy(step.runtime, session.registered, UUID(step.picked))
    product = covers.find_renewal_product(step.runtime, cover)
    slots = _cover_slots(cover, session) | {"policy": str(cover.id)}
    if product is None:
        return Outcome("season", slots)
    slots |= _terms_slots(product)
    if cover.status == GRACE:
        return Outcome("unpaid", slots | {"until": clock.day_text(covers.last_day_to_pay(cover, product))})
    return Outcome("renews" if cover.renews else "ends", slots)


@outcomes("ok", "ended", calls=(covers.stop_renewal,))
async def stop_renewal(step: Step) -> Outcome:
    session = step.session
    cover = await covers.stop_renewal(step.runtime, session.registered, UUID(session.slots["policy"]))
    return Outcome("ended" if cover.status == ENDED else "ok")


@outcomes("ok", calls=(covers.start_renewal,))
async def start_renewal(step: Step) -> Outcome:
    session = step.session
    policy_id = UUID(session.slots["policy"])
    try:
        await covers.start_renewal(step.runtime, session.registered, policy_id, step.text, agreed=_agreed(session))
    except OfferChanged:
        product = covers.find_renewal_product(step.runtime, await covers.get_policy(step.runtime, session.registered, policy_id))
        session.slots |= {} if product is None else _terms_slots(product)
        raise
    return ok()


def _offer_slots(offer: Offer, language: str) -> dict[str, str]:
    product, term = offer.product, offer.term
    slots = {"product": translate(product.name, language), "most": str(product.cover), **_terms_slots(product)}
    if term is None:
        return slots | {"date": clock.day_text(offer.sold_next)}
    return slots | {"date": clock.day_text(term.waits_until), "until": clock.day_text(term.last_day)}


def _terms_slots(product: Product) -> dict[str, str]:
    """What a purchase agrees to: the price on the screen, and the cover and the days behind it."""
    return {
        "product_key": product.key,
        "amount": str(product.price),
        "amount_minor": str(product.price.minor),
        "cover_minor": str(product.cover.minor),
        "days": str(product.term_days),
    }


def _agreed(session: Session) -> Terms:
    price = agreed.amount(session)
    return Terms(price, Money(int(session.slots["cover_minor"]), price.currency), int(session.slots["days"]))


def _cover_slots(cover: Policy, session: Session) -> dict[str, str]:
    return {
        "product": translate(cover.name, session.language),
        "amount": str(cover.price),
        "most": str(cover.cover),
        "date": clock.day_text(cover.waits_until),
        "until": clock.day_text(cover.last_day),
    }


def _line(cover: Policy, session: Session) -> str:
    return translate(_UNPAID if cover.status == GRACE else _COVER, session.language).format(**_cover_slots(cover, session))


# Where a purchase leads. A PIN that is asked for again stays on its own screen.
_BOUGHT = {
    "ok": "bought",
    "pin_locked": "pin_locked",
    "not_enough": "insurance",
    "already_covered": "insurance",
    "out_of_season": "insurance",
    "account_closed": "insurance_failed",
    "key_conflict": "insurance_failed",
}
_STOPPED = {"ok": "renewal_off", "ended": "cover_ended", "not_permitted": "insurance"}

SCREENS = (
    Choice(
        "insurance",
        _("Insurance"),
        options=(
            Option("1", _("Products"), do=list_products, goto={"ok": "products"}),
            Option("2", _("My covers"), do=list_covers, goto={"ok": "covers", "empty": "covers_empty"}),
            Option("3", _("Claim"), do=claim.list_covers, goto={"ok": "claim_cover", "empty": "claim_empty"}, off=ClaimsOff),
            Option("4", _("Claim status"), do=claim.list_claims, goto={"ok": "claims", "empty": "claims_empty"}),
        ),
    ),
    Pick(
        "products",
        _("Price/pays up to"),
        do=show_product,
        goto={"ok": "product", "season": "product_season", "closed": "product_closed", "out_of_season": "insurance"},
    ),
    Choice(
        "product",
        _("{product} cover: {amount} for {days} days. Pays up to {most} for what happens from {date} on."),
        options=(Option("1", _("Buy"), goto="buy_pin", off=InsuranceOff),),
    ),
    Choice(
        "product_season",
        _("{product} cover: {amount} until {until}. Pays up to {most} for what happens from {date} on."),
        options=(Option("1", _("Buy"), goto="buy_season_pin", off=InsuranceOff),),
    ),
    Choice("product_closed", _("{product} cover: {amount} a season. Pays up to {most}. We sell it again from {date}.")),
    Ask(
        "buy_pin",
        _("{product} cover: {amount} now and every {days} days by itself, until you stop it. Enter PIN to buy"),
        do=buy,
        goto={**_BOUGHT, "bad_pin": "buy_pin", "wrong_pin": "buy_pin", "offer_changed": "product"},
        secret=True,
    ),
    Ask(
        "buy_season_pin",
        _("{product} cover: {amount} until {until}. Enter PIN to buy"),
        do=buy,
        goto={
            **_BOUGHT,
            "bad_pin": "buy_season_pin",
            "wrong_pin": "buy_season_pin",
            "offer_changed": "product_season",
        },
        secret=True,
    ),
    End(
        "bought",
        _("{reference} confirmed. {product} cover, {amount}. Pays up to {most} from {date} to {until}. Balance {balance}."),
    ),
    End("insurance_failed", _("Please dial again.")),
    Pick(
        "covers",
        _("My covers"),
        do=show_cover,
        goto={
            "renews": "cover_renews",
            "ends": "cover_ends",
            "season": "cover_season",
            "unpaid": "cover_unpaid",
            "not_permitted": "insurance",
        },
    ),
    Choice("covers_empty", _("You have no cover yet.")),
    Choice(
        "cover_renews",
        _("{product} cover pays up to {most} from {date} to {until}, then renews for {amount}."),
        options=(Option("1", _("Do not renew"), do=stop_renewal, goto=_STOPPED),),
    ),
    Choice(
        "cover_ends",
        _("{product} cover pays up to {most} from {date} to {until}, then it ends."),
        options=(Option("1", _("Renew by itself"), goto="renewal_pin"),),
    ),
    Choice("cover_season", _("{product} cover pays up to {most} from {date} to {until}, then it ends.")),
    Choice(
        "cover_unpaid",
        _("{product} cover has stopped: {amount} was missing. Put it in by {until} and it goes on."),
        options=(
            Option("1", _("Pay now"), goto="buy_pin"),
            Option("2", _("Do not renew"), do=stop_renewal, goto=_STOPPED),
        ),
    ),
    Ask(
        "renewal_pin",
        _("{product} cover renews by itself after {until}, for {amount} every {days} days. Enter PIN"),
        do=start_renewal,
        goto={
            "ok": "renewal_on",
            **again("renewal_pin"),
            "offer_changed": "cover_ends",
            "not_permitted": "insurance",
        },
        secret=True,
    ),
    Choice("renewal_on", _("{product} cover renews by itself from now on.\nReply 00 for menu."), navigation=False),
    Choice("renewal_off", _("{product} cover ends after {until}. Nothing more is taken.\nReply 00 for menu."), navigation=False),
    Choice("cover_ended", _("{product} cover has ended. Nothing more is taken.\nReply 00 for menu."), navigation=False),
    *claim.SCREENS,
)
