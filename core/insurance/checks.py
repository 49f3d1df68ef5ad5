"""What must hold between covers, claims and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a cover was paid for": """
        SELECT 'policy ' || p.id || ' of ' || p.price || ' was paid for by ' || coalesce(t.kind, 'nothing')
        FROM policy p LEFT JOIN transfer t ON t.id = p.transfer_id
        WHERE t.kind IS DISTINCT FROM 'cover'""",
    "a claim is paid out as it was decided, and another is not": """
        SELECT 'claim ' || c.number || ' is ' || c.status || ' with ' || coalesce(c.paid, 0) || ', the journal has '
            || coalesce(t.amount, 0)
        FROM claim c
        LEFT JOIN (
            SELECT t.key, sum(p.amount) AS amount
            FROM transfer t JOIN posting p ON p.transfer_id = t.id AND p.account_id = t.initiator
            WHERE t.kind = 'claim' GROUP BY t.key
        ) AS t ON t.key = 'claim:' || c.id
        WHERE coalesce(c.paid, 0) <> coalesce(t.amount, 0) OR (c.status = 'paid') <> (c.paid IS NOT NULL)""",
}
