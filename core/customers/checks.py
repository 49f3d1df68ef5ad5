"""What must hold between customers and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a person's account is a customer's, and her wallet has the limits that she proved": """
        SELECT 'account ' || a.id || ', ' || concat_ws(' ', a.status, a.kind, a.currency, a.tier) || ', is of '
            || coalesce('customer ' || c.id || ', ' || c.status, 'nobody')
        FROM account a LEFT JOIN customer c ON c.id = a.owner
        WHERE a.owner IS NOT NULL AND (
            c.id IS NULL
            OR (a.status = 'open' AND c.status <> 'active')
            OR (a.kind = 'wallet' AND a.status <> 'open' AND c.status = 'active')
            OR (a.kind = 'wallet' AND c.status = 'active'
                AND (a.tier = 'verified') IS DISTINCT FROM (c.national_id IS NOT NULL)))""",
    "a closed account is empty": """
        SELECT 'account ' || id || ' is closed with ' || balance || ' and ' || held || ' held' FROM account
        WHERE status = 'closed' AND (balance <> 0 OR held <> 0)""",
    "a customer has one wallet": """
        SELECT 'customer ' || c.id || ' has ' || count(a.id) || ' wallets'
        FROM customer c LEFT JOIN account a ON a.owner = c.id AND a.kind = 'wallet' GROUP BY c.id HAVING count(a.id) <> 1""",
}
