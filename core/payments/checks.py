"""What must hold between payments and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a payment out holds its money until it is settled, and then no more": """
        SELECT 'payment ' || p.id || ' is ' || p.status
            || CASE WHEN o.hold_id IS NULL THEN ' without a hold' ELSE ' and still holds' END
        FROM payment p LEFT JOIN open_hold o ON o.hold_id = p.hold_id
        WHERE p.direction = 'out' AND (p.status IN ('paid', 'refused')) = (o.hold_id IS NOT NULL)""",
    "a payment in is in the journal once it is paid, and not before": """
        SELECT 'payment ' || p.id || ' is ' || p.status || CASE WHEN t.id IS NULL THEN ' and not posted' ELSE ' and posted' END
        FROM payment p LEFT JOIN transfer t ON t.key = 'payment:' || p.id
        WHERE p.direction = 'in' AND (p.status = 'paid') <> (t.id IS NOT NULL)""",
}
