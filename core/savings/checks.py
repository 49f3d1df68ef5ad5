"""What must hold between savings goals and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a goal has an account of its owner's in its currency, and a closed one is empty": """
        SELECT 'goal ' || g.id || CASE
            WHEN a.id IS NULL THEN ' has no account'
            WHEN a.owner <> g.customer_id THEN ' is in an account of somebody else'
            ELSE ' is ' || g.status || ' in ' || g.currency || ' and keeps ' || a.balance || ' ' || a.currency END
        FROM goal g LEFT JOIN account a ON a.id = g.id AND a.kind = 'goal'
        WHERE a.id IS NULL OR a.owner <> g.customer_id OR a.currency <> g.currency OR g.status NOT IN ('open', 'closed')
            OR (g.status = 'closed' AND (a.balance <> 0 OR a.held <> 0))""",
}
