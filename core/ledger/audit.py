"""Proves the books. Each invariant is a query that finds the rows which break it, and names them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import text

from core.db import Database
from core.faults.silence import patience
from core.ledger.chart import PEOPLES_KINDS, list_system_accounts
from core.ledger.proof import MOST_NAMED, SealName, prove

_CHART = ", ".join(f"('{id_}'::uuid, '{system.kind}', '{system.currency}')" for id_, system in list_system_accounts())
_NO_CHECKS: Mapping[str, str] = MappingProxyType({})

# Each query returns one text for each broken row, and no row where all is well.
CHECKS = {
    "all balances of a currency add up to zero": """
        SELECT currency || ' is off by ' || sum(balance) FROM account GROUP BY currency HAVING sum(balance) <> 0""",
    "every transfer nets to zero, in one currency, and every posting has its transfer and account": """
        SELECT 'transfer ' || p.transfer_id || CASE
            WHEN bool_or(a.id IS NULL) THEN ' has a posting on an account that is not there'
            WHEN NOT EXISTS (SELECT FROM transfer t WHERE t.id = p.transfer_id) THEN ' is not there and has postings'
            WHEN sum(p.amount) <> 0 THEN ' nets ' || sum(p.amount)
            ELSE ' mixes currencies' END
        FROM posting p LEFT JOIN account a ON a.id = p.account_id
        GROUP BY p.transfer_id
        HAVING sum(p.amount) <> 0 OR min(a.currency) <> max(a.currency) OR bool_or(a.id IS NULL)
            OR NOT EXISTS (SELECT FROM transfer t WHERE t.id = p.transfer_id)""",
    "every transfer has postings, or is a hold, or gives one back": """
        SELECT 'transfer ' || t.id || ' has no postings' FROM transfer t
        WHERE t.settles IS NULL AND NOT EXISTS (SELECT FROM posting p WHERE p.transfer_id = t.id)
            AND NOT EXISTS (SELECT FROM hold_leg h WHERE h.hold_id = t.id)""",
    "a balance and a version are those of the newest posting": """
        SELECT 'account ' || a.id || ' says ' || a.balance || ' at version ' || a.version || ', its newest posting '
            || coalesce(p.balance_after, 0) || ' at version ' || coalesce(p.version, 0) || coalesce(', at ' || p.created_at, '')
        FROM account a
        LEFT JOIN LATERAL (
            SELECT version, balance_after, created_at FROM posting WHERE account_id = a.id ORDER BY version DESC LIMIT 1
        ) AS p ON true
        WHERE a.balance <> coalesce(p.balance_after, 0) OR a.version <> coalesce(p.version, 0)
            -- The newest is not always the last: postings from before 0014 may be by a clock that was ahead.
            OR (a.posted_at IS DISTINCT FROM p.created_at AND a.posted_at IS NOT NULL
                AND a.posted_at IS DISTINCT FROM (SELECT max(created_at) FROM posting WHERE account_id = a.id))""",
    "balance_after and version run on from posting to posting, and it is never below the floor": """
        SELECT 'posting ' || p.account_id || '/' || p.version || ' says ' || p.balance_after || ' after ' || p.before || ' and '
            || p.amount || ', behind version ' || p.version_before || coalesce(', floor ' || a.floor, '')
        FROM (
            SELECT account_id, version, amount, balance_after,
                lag(balance_after, 1, 0::bigint) OVER w AS before, lag(version, 1, 0::bigint) OVER w AS version_before
            FROM posting WINDOW w AS (PARTITION BY account_id ORDER BY version)
        ) AS p LEFT JOIN account a ON a.id = p.account_id
        WHERE p.balance_after <> p.before + p.amount OR p.version <> p.version_before + 1 OR p.balance_after < a.floor""",
    "what is held is the sum of the open holds": """
        SELECT 'account ' || a.id || ' holds ' || a.held || ', its open holds ' || coalesce(h.total, 0)
        FROM account a
        LEFT JOIN (
            SELECT l.account_id, -sum(l.amount) AS total FROM hold_leg l JOIN open_hold o ON o.hold_id = l.hold_id
            WHERE l.amount < 0 GROUP BY l.account_id
        ) AS h ON h.account_id = a.id
        WHERE a.held <> coalesce(h.total, 0)""",
    "a hold is open until one transfer settles it, and nets to zero": """
        SELECT 'hold ' || h.hold_id || CASE
            WHEN h.total <> 0 THEN ' nets ' || h.total
            WHEN t.id IS NULL THEN ' has no transfer'
            WHEN s.id IS NULL THEN ' is gone and was not settled'
            ELSE ' is settled and still open' END
        FROM (SELECT hold_id, sum(amount) AS total FROM hold_leg GROUP BY hold_id) AS h
        LEFT JOIN transfer t ON t.id = h.hold_id LEFT JOIN open_hold o ON o.hold_id = h.hold_id
        LEFT JOIN transfer s ON s.settles = h.hold_id
        WHERE h.total <> 0 OR t.id IS NULL OR (o.hold_id IS NULL) <> (s.id IS NOT NULL)""",
    "what a day's limit counts is what its transfers took": """
        SELECT 'account ' || a.id || ' counts ' || a.spent || ' on ' || a.day || ', its transfers ' || coalesce(t.total, 0)
        FROM account a
        LEFT JOIN (
            SELECT initiator, day, sum(limited) AS total FROM transfer WHERE limited <> 0 GROUP BY initiator, day
        ) AS t ON t.initiator = a.id AND t.day = a.day
        WHERE a.spent <> coalesce(t.total, 0)""",
    "a hold lasts as long as its transfer says": """
        SELECT 'hold ' || o.hold_id || ' expires at ' || o.expires_at || ', its transfer says ' || t.hold_until
        FROM open_hold o JOIN transfer t ON t.id = o.hold_id WHERE t.hold_until <> o.expires_at""",
    "a reversal is of a transfer, and on record": """
        SELECT 'transfer ' || t.id || ' reverses ' || t.reverses || CASE
            WHEN r.transfer_id IS NULL THEN ' without a reason on record' ELSE ', which is not there' END
        FROM transfer t LEFT JOIN reversal r ON r.transfer_id = t.id LEFT JOIN transfer o ON o.id = t.reverses
        WHERE t.reverses IS NOT NULL AND (r.transfer_id IS NULL OR o.id IS NULL)""",
    "what takes up another transfer keeps within it": """
        SELECT 'transfer ' || id || ' takes up more ' || name || ' than ' || of || ' has'
        FROM (
            SELECT t.id, coalesce(t.settles, t.reverses) AS of, leg.account_id, leg.amount, true AS is_asked
            FROM transfer t JOIN posting leg ON leg.transfer_id = t.id WHERE t.settles IS NOT NULL OR t.reverses IS NOT NULL
            UNION ALL
            SELECT t.id, t.settles, leg.account_id, leg.amount, false
            FROM transfer t JOIN hold_leg leg ON leg.hold_id = t.settles
            UNION ALL
            SELECT t.id, t.reverses, leg.account_id, -leg.amount, false
            FROM transfer t JOIN posting leg ON leg.transfer_id = t.reverses
        ) AS leg CROSS JOIN LATERAL (
            SELECT CASE WHEN a.owner IS NULL THEN a.kind || ' ' || a.currency ELSE 'of account ' || a.id END AS name
            FROM account a WHERE a.id = leg.account_id
        ) AS named
        GROUP BY id, of, name, sign(amount)
        HAVING coalesce(abs(sum(amount) FILTER (WHERE is_asked)), 0)
            > coalesce(abs(sum(amount) FILTER (WHERE NOT is_asked)), 0)""",
    "an exchange is on record, and at its rate": """
        SELECT 'exchange ' || coalesce(e.sold_transfer_id, t.id) || CASE
            WHEN e.sold_transfer_id IS NULL THEN ' is not on record' ELSE ' is not of two transfers at its rate' END
        FROM (SELECT id FROM transfer WHERE kind = 'exchange') AS t
        FULL JOIN (
            SELECT e.*, half.id, sold.amount AS sold, bought.amount AS bought
            FROM exchange e CROSS JOIN LATERAL (VALUES (e.sold_transfer_id), (e.bought_transfer_id)) AS half (id)
            LEFT JOIN LATERAL (
                SELECT sum(p.amount) AS amount FROM posting p WHERE p.transfer_id = e.sold_transfer_id AND p.amount > 0
            ) AS sold ON true
            LEFT JOIN LATERAL (
                SELECT sum(p.amount) AS amount FROM posting p WHERE p.transfer_id = e.bought_transfer_id AND p.amount > 0
            ) AS bought ON true
        ) AS e ON e.id = t.id
        WHERE t.id IS NULL OR e.id IS NULL OR bought IS DISTINCT FROM div(sold * rate_bought, rate_sold)""",
    "accounts are of the chart, and the service's are those": """
        SELECT 'account ' || coalesce(a.id, chart.id) || CASE
            WHEN a.id IS NULL THEN ' is not there'
            ELSE concat_ws(' ', ' is', a.status, a.kind, a.tier, 'in', a.currency, 'from', a.floor, 'of', a.owner) END
        FROM account a FULL JOIN (VALUES :chart) AS chart (id, kind, currency) ON chart.id = a.id
        WHERE a.id IS NULL OR a.status NOT IN ('open', 'closed')
            OR (a.owner IS NULL) <> (chart.id IS NOT NULL)
            OR (a.owner IS NULL AND ((a.kind, a.currency, a.status) IS DISTINCT FROM (chart.kind, chart.currency, 'open')
                OR a.tier IS NOT NULL OR a.floor IS NOT NULL))
            OR (a.owner IS NOT NULL AND (
                a.kind <> ALL (:peoples) OR a.floor <> 0 OR (a.tier IS NOT NULL AND a.kind <> 'wallet')))
    """.replace(":chart", _CHART).replace(":peoples", f"'{{{','.join(PEOPLES_KINDS)}}}'"),
}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`findings` holds (invariant, the row that breaks it). Where it is empty the books are proved up to the seal `proved`."""

    invariants: int
    transfers: int
    postings: int
    sealed: int
    findings: list[tuple[str, str]]
    proved: SealName | None


async def verify(
    database: Database,
    announce: Callable[[str], None] = lambda _: None,
    checks: Mapping[str, str] = _NO_CHECKS,
    since: SealName | None = None,
) -> AuditReport:
    """Checks every invariant on one snapshot, and beside that the seals piece by piece; the service may go on running.

    `announce` gets each invariant's name beforehand. `checks` are the invariants of whoever keeps rows beside the ledger
    (`core/features.py`), written like the ledger's own. What `since` and the seals before it hold is not proved again.
    """
    invariants = {**CHECKS, **checks}
    checked, proof = await asyncio.gather(_check(database, announce, invariants), prove(database, announce, since))
    return AuditReport(len(invariants) + proof.invariants, *checked.counts, [*checked.findings, *proof.findings], proof.newest)


@dataclass(frozen=True, slots=True)
class _Checked:
    """`counts`: transfers, postings, and how many of the first are sealed."""

    counts: tuple[int, int, int]
    findings: list[tuple[str, str]]


async def _check(database: Database, announce: Callable[[str], None], invariants: Mapping[str, str]) -> _Checked:
    findings = []
    with patience(None):
        async with database.transaction() as connection:
            await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SET LOCAL work_mem = '256MB'"))
            for invariant, query in invariants.items():
                announce(invariant)
                named = f"SELECT * FROM ({query}) AS broken LIMIT {MOST_NAMED}"  # noqa: S608 - our own queries
                findings += [(invariant, row) for row in await connection.scalars(text(named))]
            counted = await connection.execute(
                text(
                    "SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM posting),"
                    " (SELECT coalesce(sum(transfers), 0)::bigint FROM seal)"
                )
            )
            transfers, postings, sealed = counted.one()
    return _Checked((transfers, postings, sealed), findings)
