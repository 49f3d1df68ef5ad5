"""What must hold between covers, claims and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a cover was paid for, with its price and by its customer": """
        SELECT 'policy ' || p.id || ' of ' || p.price || ' was paid for with ' || coalesce(t.amount, 0)
        FROM policy p LEFT JOIN LATERAL (
            SELECT -l.amount AS amount, a.owner, a.currency
            FROM transfer t JOIN posting l ON l.transfer_id = t.id AND l.account_id = t.initiator
            JOIN account a ON a.id = t.initiator
            WHERE t.id = p.transfer_id AND t.kind = 'cover'
        ) AS t ON true
        WHERE (t.amount, t.owner, t.currency) IS DISTINCT FROM (p.price, p.customer_id, p.currency)""",
    "a claim is on a cover, and is paid no more than that": """
        SELECT 'claim ' || c.number || ' was paid ' || coalesce(c.paid, 0) || ' of ' || coalesce(p.cover, 0)
        FROM claim c LEFT JOIN policy p ON p.id = c.policy_id WHERE p.id IS NULL OR c.paid > p.cover""",
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
