"""What must hold between payments and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a payment out holds its money until it is settled, and then no more": """
        SELECT 'payment ' || p.id || ' is ' || p.status
            || CASE WHEN o.hold_id IS NULL THEN ' without a hold' ELSE ' and still holds' END
        FROM payment p LEFT JOIN open_hold o ON o.hold_id = p.hold_id
        WHERE p.direction = 'out' AND (p.status IN ('paid', 'refused')) = (o.hold_id IS NOT NULL)""",
    "a payment out that is paid, or is not, has settled its hold so": """
        SELECT 'payment ' || p.id || ' is ' || p.status || ', its hold was settled by ' || coalesce(t.key, 'nothing')
        FROM payment p LEFT JOIN transfer t ON t.settles = p.hold_id
        WHERE p.direction = 'out' AND p.status IN ('paid', 'refused') AND (
            t.key IS DISTINCT FROM 'payment:' || p.id
            OR (p.status = 'paid') <> EXISTS (SELECT FROM posting WHERE posting.transfer_id = t.id))""",
    "a payment in is in the journal once it is paid, and not before": """
        SELECT 'payment ' || p.id || ' is ' || p.status || CASE WHEN t.id IS NULL THEN ' and not posted' ELSE ' and posted' END
        FROM payment p LEFT JOIN transfer t ON t.key = 'payment:' || p.id
        WHERE p.direction = 'in' AND (p.status = 'paid') <> (t.id IS NOT NULL)""",
    "a payment out keeps what it pays, of its customer's money": """
        SELECT 'payment ' || p.id || ' of ' || p.amount || ' and ' || p.fee || ' keeps ' || coalesce(h.amount, 0) || ' and '
            || coalesce(h.fee, 0)
        FROM payment p LEFT JOIN LATERAL (
            SELECT sum(l.amount) FILTER (WHERE a.kind = 'settlement') AS amount, min(a.owner::text) AS owner,
                sum(l.amount) FILTER (WHERE l.amount > 0 AND a.kind <> 'settlement') AS fee, min(a.currency) AS currency
            FROM hold_leg l JOIN account a ON a.id = l.account_id WHERE l.hold_id = p.hold_id
        ) AS h ON true
        WHERE p.direction = 'out' AND (h.amount, coalesce(h.fee, 0), h.owner, h.currency)
            IS DISTINCT FROM (p.amount::numeric, p.fee::numeric, p.customer_id::text, p.currency)""",
    "a payment in brought what was asked for, to its customer": """
        SELECT 'payment ' || p.id || ' of ' || p.amount || ' brought ' || coalesce(t.amount, 0)
        FROM payment p JOIN transfer ON transfer.key = 'payment:' || p.id
        LEFT JOIN LATERAL (
            SELECT -sum(l.amount) FILTER (WHERE a.kind = 'settlement') AS amount, min(a.currency) AS currency,
                (SELECT owner FROM account WHERE id = transfer.initiator) AS owner
            FROM posting l JOIN account a ON a.id = l.account_id WHERE l.transfer_id = transfer.id
        ) AS t ON true
        WHERE p.direction = 'in'
            AND (t.amount, t.owner, t.currency) IS DISTINCT FROM (p.amount::numeric, p.customer_id, p.currency)""",
    "a payment goes in, or out with a hold and perhaps a fee": """
        SELECT 'payment ' || id || ' goes ' || direction || coalesce(' with hold ' || hold_id, ' without a hold')
            || ' and fee ' || fee
        FROM payment
        WHERE direction NOT IN ('in', 'out') OR (direction = 'out') <> (hold_id IS NOT NULL)
            OR (direction = 'in' AND fee <> 0)""",
}
