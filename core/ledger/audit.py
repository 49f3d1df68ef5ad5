"""Proves the books. Each invariant is a query that finds the rows which break it, and names them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MOST_NAMED = 20
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
    "a balance is the sum of its postings, and its version counts them without a gap": """
        SELECT 'account ' || a.id || ' says ' || a.balance || ' at version ' || a.version || ', its ' || p.postings
            || ' postings up to ' || p.newest || ' say ' || p.total
        FROM account a
        LEFT JOIN (
            SELECT account_id, sum(amount) AS total, count(*) AS postings, max(version) AS newest FROM posting GROUP BY account_id
        ) AS known ON known.account_id = a.id
        CROSS JOIN LATERAL (
            SELECT coalesce(known.total, 0) AS total, coalesce(known.postings, 0) AS postings, coalesce(known.newest, 0) AS newest
        ) AS p
        WHERE a.balance <> p.total OR a.version <> p.postings OR a.version <> p.newest""",
    "balance_after runs on from posting to posting and is never below the floor": """
        SELECT 'posting ' || p.account_id || '/' || p.version || ' says ' || p.balance_after || ' after ' || p.before || ' and '
            || p.amount || coalesce(', floor ' || a.floor, '')
        FROM (
            SELECT *, coalesce(lag(balance_after) OVER (PARTITION BY account_id ORDER BY version), 0) AS before FROM posting
        ) AS p LEFT JOIN account a ON a.id = p.account_id
        WHERE p.balance_after <> p.before + p.amount OR p.balance_after < a.floor""",
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
    "a reversal is of a transfer, and on record": """
        SELECT 'transfer ' || t.id || ' reverses ' || t.reverses || CASE
            WHEN r.transfer_id IS NULL THEN ' without a reason on record' ELSE ', which is not there' END
        FROM transfer t LEFT JOIN reversal r ON r.transfer_id = t.id LEFT JOIN transfer o ON o.id = t.reverses
        WHERE t.reverses IS NOT NULL AND (r.transfer_id IS NULL OR o.id IS NULL)""",
    "the seals follow on one another": """
        SELECT 'seal ' || s.number || ' does not follow on the one before it'
        FROM (SELECT *, lag(digest) OVER w AS before, lag(to_xid, 1, 0::bigint) OVER w AS begins, row_number() OVER w AS place
              FROM seal WINDOW w AS (ORDER BY number)) AS s
        WHERE s.digest <> ledger_digest(s.number, s.from_xid, s.to_xid, s.transfers, s.leaves, s.before)
            OR s.from_xid <> s.begins OR s.number <> s.place OR length(s.leaves) <> 8 * s.transfers""",
    "every sealed transfer is as it was sealed": """
        WITH bounds AS MATERIALIZED (
            SELECT array_agg(to_xid ORDER BY number) AS ends FROM seal
        ), now AS MATERIALIZED (
            SELECT place, count(*) AS found, string_agg(leaf, ''::bytea ORDER BY xid, id) AS leaves
            -- Each transfer finds its seal by halving, however many there are. Past the last one it has none yet.
            FROM (SELECT t.id, t.xid, ledger_leaf(t) AS leaf, width_bucket(t.xid, bounds.ends) AS place FROM bounds, transfer t
                  WHERE t.xid < (SELECT max(to_xid) FROM seal)) AS sealed
            GROUP BY place
        ), broken AS MATERIALIZED (
            SELECT s.*, coalesce(now.found, 0) AS found
            FROM (SELECT *, row_number() OVER (ORDER BY number) - 1 AS place FROM seal) AS s LEFT JOIN now USING (place)
            WHERE coalesce(now.leaves, '') <> s.leaves OR coalesce(now.found, 0) <> s.transfers
        )
        SELECT 'seal ' || number || ' has seen ' || transfers || ' transfers, there are ' || found FROM broken
        WHERE found <> transfers
        UNION ALL
        SELECT 'transfer ' || t.id || ' is not what seal ' || broken.number || ' has seen'
        FROM broken CROSS JOIN LATERAL (
            SELECT t.id, ledger_leaf(t) AS leaf, row_number() OVER (ORDER BY t.xid, t.id) AS place
            FROM transfer t WHERE t.xid >= broken.from_xid AND t.xid < broken.to_xid
        ) AS t
        WHERE t.leaf <> substring(broken.leaves FROM (t.place * 8 - 7)::int FOR 8)""",
}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`findings` holds (invariant, the row that breaks it). Where it is empty the books are proved."""

    invariants: int
    transfers: int
    postings: int
    sealed: int
    findings: list[tuple[str, str]]


async def verify(
    connection: AsyncConnection, announce: Callable[[str], None] = lambda _: None, checks: Mapping[str, str] = _NO_CHECKS
) -> AuditReport:
    """Checks every invariant on one snapshot; the service may go on running. `announce` gets each invariant's name beforehand.

    `checks` are the invariants of whoever keeps rows beside the ledger (`core/features.py`), written like the ledger's own.
    """
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(text("SET LOCAL work_mem = '256MB'"))
    findings = []
    for invariant, query in {**CHECKS, **checks}.items():
        announce(invariant)
        named = f"SELECT * FROM ({query}) AS broken LIMIT {_MOST_NAMED}"  # noqa: S608 - our own queries
        rows = await connection.scalars(text(named))
        findings += [(invariant, row) for row in rows]
    counted = await connection.execute(
        text(
            "SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM posting),"
            " (SELECT coalesce(sum(transfers), 0)::bigint FROM seal)"
        )
    )
    transfers, postings, sealed = counted.one()
    return AuditReport(len(CHECKS) + len(checks), transfers, postings, sealed, findings)
