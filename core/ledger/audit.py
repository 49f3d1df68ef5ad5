"""Proves the books: every invariant as a query that finds the rows which break it, and names them."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MOST_NAMED = 20

# Each query answers with a text a broken row, and with nothing where all is well.
CHECKS = {
    "all balances of a currency add up to zero": """
        SELECT currency || ' is off by ' || sum(balance) FROM account GROUP BY currency HAVING sum(balance) <> 0""",
    "every transfer nets to zero": """
        SELECT 'transfer ' || transfer_id || ' nets ' || sum(amount) FROM posting
        GROUP BY transfer_id HAVING sum(amount) <> 0""",
    "every transfer stays in one currency": """
        SELECT 'transfer ' || p.transfer_id || ' mixes currencies' FROM posting p JOIN account a ON a.id = p.account_id
        GROUP BY p.transfer_id HAVING count(DISTINCT a.currency) > 1""",
    "every posting belongs to a transfer and an account": """
        SELECT 'posting ' || p.account_id || '/' || p.version || ' has no '
            || CASE WHEN t.id IS NULL THEN 'transfer' ELSE 'account' END
        FROM posting p LEFT JOIN transfer t ON t.id = p.transfer_id LEFT JOIN account a ON a.id = p.account_id
        WHERE t.id IS NULL OR a.id IS NULL""",
    "every transfer has postings": """
        SELECT 'transfer ' || t.id || ' has no postings' FROM transfer t
        WHERE NOT EXISTS (SELECT FROM posting p WHERE p.transfer_id = t.id)""",
    "a balance is the sum of its postings": """
        SELECT 'account ' || a.id || ' says ' || a.balance || ', its postings ' || coalesce(sum(p.amount), 0)
        FROM account a LEFT JOIN posting p ON p.account_id = a.id
        GROUP BY a.id HAVING a.balance <> coalesce(sum(p.amount), 0)""",
    "versions count postings without a gap": """
        SELECT 'account ' || a.id || ' is at version ' || a.version || ' with ' || count(p.version) || ' postings up to '
            || coalesce(max(p.version), 0)
        FROM account a LEFT JOIN posting p ON p.account_id = a.id
        GROUP BY a.id HAVING a.version <> count(p.version) OR a.version <> coalesce(max(p.version), 0)""",
    "balance_after runs on from posting to posting": """
        SELECT 'posting ' || account_id || '/' || version || ' says ' || balance_after || ' after ' || before || ' and ' || amount
        FROM (SELECT *, coalesce(lag(balance_after) OVER (PARTITION BY account_id ORDER BY version), 0) AS before FROM posting) p
        WHERE balance_after <> before + amount""",
    "no account was ever below its floor": """
        SELECT 'posting ' || p.account_id || '/' || p.version || ' leaves ' || p.balance_after || ', below ' || a.floor
        FROM posting p JOIN account a ON a.id = p.account_id WHERE p.balance_after < a.floor""",
}


@dataclass(frozen=True, slots=True)
class Report:
    """`findings` holds (invariant, the row that breaks it); empty: the books are proved."""

    transfers: int
    postings: int
    findings: list[tuple[str, str]]


async def verify(connection: AsyncConnection) -> Report:
    """Checks every invariant on one snapshot, while the service runs or not."""
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    findings = []
    for invariant, query in CHECKS.items():
        rows = await connection.scalars(text(f"SELECT * FROM ({query}) AS broken LIMIT {_MOST_NAMED}"))  # noqa: S608 - our own queries
        findings += [(invariant, row) for row in rows]
    counted = await connection.execute(text("SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM posting)"))
    transfers, postings = counted.one()
    return Report(transfers, postings, findings)
