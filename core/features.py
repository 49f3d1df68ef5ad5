"""The list of the families: what each does in the background, what it exports, and what it does when an account closes, when a
customer approves a request and when the books are proved.

A new feature is a line of FAMILIES. The worker, closing, approvals and `jasho ledger verify` read it, and know no family by name.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from core.agents import approval as agent_approval
from core.agents import checks as agents_checks
from core.agents import directory, floats
from core.approvals import consent
from core.approvals.consent import Carrier
from core.customers import checks as customers_checks
from core.i18n import _
from core.insurance import checks as insurance_checks
from core.insurance import closing as insurance_closing
from core.insurance import decisions, policies, renewals
from core.jobs import checks as jobs_checks
from core.jobs import closing as jobs_closing
from core.jobs import deadlines, escrow
from core.ledger import clocks, exchange, holds, reversals, seal
from core.membership.closing import Ending
from core.membership.export import Exports
from core.operations.refusals import SavingsOff
from core.payments import checks as payments_checks
from core.payments import closing as payments_closing
from core.payments import handover, unanswered
from core.rail import NETWORKS
from core.retention import deletion, periods
from core.runtime import Runtime
from core.savings import checks as savings_checks
from core.savings import closing as savings_closing
from core.savings import goals, rules
from core.sending import approval as send_approval
from core.sending import checks as sending_checks
from core.sending import closing as sending_closing
from core.sending import invitations, unclaimed
from core.tables.agents import agent
from core.tables.approvals import approval
from core.tables.customers import customer
from core.tables.insurance import claim, policy
from core.tables.jobs import application, job, review
from core.tables.payments import payment
from core.tables.savings import goal
from core.tables.sending import invitation


@dataclass(frozen=True, slots=True)
class Duty:
    """Work that a background worker does in rounds. A round returns how many things it did; after a 0 the duty rests.

    `switch`: the feature that it begins something of. Duties that end, return or tell have none: they go on. `most_seconds`:
    a round that takes longer is ended, and the next one goes on where it was.
    """

    name: str
    round: Callable[[Runtime], Awaitable[int]]
    rest_seconds: float
    switch: str = ""
    most_seconds: float = 20.0

    async def do(self, runtime: Runtime) -> int:
        """A round; nothing while the switch is off, or this process's clock is wrong: what is due, it does not know."""
        await runtime.switches.look()
        if await clocks.is_wrong_now(runtime.database):
            return 0
        return 0 if self.switch and runtime.switches.is_off(self.switch) else await self.round(runtime)


@dataclass(frozen=True, slots=True)
class Family:
    """`words` name the family's transfers in a statement, by the ledger's kind, where no other customer takes part.

    `checks` find rows of the family that do not agree with the ledger: SQL by the invariant's name, as in `core/ledger/audit.py`.
    `exports` select what the family holds about a customer, by the name of the list.
    """

    name: str
    duties: tuple[Duty, ...] = ()
    ending: Ending | None = None
    carriers: tuple[Carrier, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    exports: Exports = field(default_factory=dict)


FAMILIES = (
    Family(
        "ledger",
        words={reversals.KIND: _("Undone"), exchange.KIND: _("Exchange"), "deposit": _("Deposit")},
        duties=(
            Duty("holds: expire", lambda runtime: holds.expire(runtime.database, runtime.poster), rest_seconds=2),
            Duty("ledger: seal", lambda runtime: seal.seal_when_due(runtime.database), rest_seconds=2),
        ),
    ),
    Family("customers", checks=customers_checks.CHECKS),
    Family(
        "payments",
        exports={"payments": lambda owner: select(payment).where(payment.c.customer_id == owner)},
        words={
            **{f"{kind}_in": network.words_in for kind, network in NETWORKS.items()},
            **{f"{kind}_out": network.words_out for kind, network in NETWORKS.items()},
        },
        duties=(
            Duty("payments: ask", handover.ask, rest_seconds=0.5),
            Duty("payments: give up", handover.give_up, rest_seconds=2),
            Duty("payments: alarm", unanswered.tell_office, rest_seconds=60),
        ),
        ending=Ending(payments_closing.is_in_use),
        checks=payments_checks.CHECKS,
    ),
    Family(
        "sending",
        exports={"invitations": lambda owner: select(invitation).where(invitation.c.sender_id == owner)},
        words={
            invitations.KIND: _("To a new number"),
            unclaimed.KIND_CREDIT: _("Waited for you"),
            unclaimed.KIND_RETURN: _("Came back"),
        },
        duties=(Duty("invitations: settle", unclaimed.settle, rest_seconds=15),),
        ending=Ending(sending_closing.is_in_use),
        carriers=(send_approval.CARRIER,),
        checks=sending_checks.CHECKS,
    ),
    Family(
        "agents",
        exports={"agents": lambda owner: select(agent).where(agent.c.customer_id == owner)},
        words={
            directory.CASH_IN: _("Top-up"),
            directory.CASH_OUT: _("Withdrawal"),
            floats.BUY: _("Float bought"),
            floats.SELL: _("Float sold"),
            floats.TAKE_COMMISSION: _("Commission"),
        },
        carriers=(agent_approval.CARRIER,),
        checks=agents_checks.CHECKS,
    ),
    Family(
        "approvals",
        exports={"approvals": lambda owner: select(approval).where(approval.c.customer_id == owner)},
        duties=(Duty("approvals: expire", lambda runtime: consent.expire(runtime, CARRIERS), rest_seconds=15),),
    ),
    Family(
        "insurance",
        exports={
            "policies": lambda owner: select(policy).where(policy.c.customer_id == owner),
            "claims": lambda owner: select(claim).join(policy).where(policy.c.customer_id == owner),
        },
        words={policies.KIND: _("Cover"), decisions.KIND: _("Claim paid")},
        duties=(
            Duty("covers: renew", renewals.renew, rest_seconds=60),
            Duty("covers: remind", renewals.remind, rest_seconds=60),
        ),
        ending=Ending(insurance_closing.is_in_use, insurance_closing.end),
        checks=insurance_checks.CHECKS,
    ),
    Family(
        "jobs",
        exports={
            "jobs": lambda owner: select(job).where((job.c.employer_id == owner) | (job.c.worker_id == owner)),
            "applications": lambda owner: select(application).where(application.c.worker_id == owner),
            "reviews": lambda owner: select(review).where(review.c.by_id == owner),
        },
        words={escrow.KIND_KEEP: _("Job pay kept"), escrow.KIND_PAY: _("Job paid"), escrow.KIND_REFUND: _("Job refund")},
        duties=(Duty("jobs: deadlines", deadlines.meet, rest_seconds=30),),
        ending=Ending(jobs_closing.is_in_use, jobs_closing.end),
        checks=jobs_checks.CHECKS,
    ),
    Family(
        "savings",
        exports={"goals": lambda owner: select(goal).where(goal.c.customer_id == owner)},
        words={
            goals.KIND_SAVE: _("Savings"),
            rules.KIND: _("Automatic saving"),
            goals.KIND_TAKE_OUT: _("From savings"),
        },
        duties=(
            Duty("savings: save", rules.save, rest_seconds=60, switch=SavingsOff.switch),
            Duty("savings: remind", rules.remind, rest_seconds=60),
        ),
        ending=Ending(end=savings_closing.end),
        checks=savings_checks.CHECKS,
    ),
    Family(
        "retention",
        duties=(
            Duty("retention: periods", periods.turn_over, rest_seconds=60, most_seconds=periods.MOST_SECONDS),
            Duty("retention: delete", deletion.delete_ended, rest_seconds=60, most_seconds=120),
        ),
    ),
)

DUTIES = tuple(duty for family in FAMILIES for duty in family.duties)
ENDINGS = tuple(family.ending for family in FAMILIES if family.ending is not None)
CARRIERS: Mapping[str, Carrier] = {carrier.kind: carrier for family in FAMILIES for carrier in family.carriers}
WORDS: Mapping[str, str] = {kind: words for family in FAMILIES for kind, words in family.words.items()}
EXPORTS: Exports = {
    "customers": lambda owner: select(customer).where(customer.c.id == owner),
    **{name: query for family in FAMILIES for name, query in family.exports.items()},
}
CHECKS: Mapping[str, str] = {name: query for family in FAMILIES for name, query in family.checks.items()}
