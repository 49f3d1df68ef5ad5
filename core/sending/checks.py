"""What must hold between the money that waits for people and the ledger. `jasho ledger verify` runs these after its own."""

CHECKS = {
    "what is unclaimed is what waits for people who have not joined, and what came for closed accounts": """
        SELECT 'unclaimed in ' || currency || ' is ' || coalesce(a.balance, 0) || ', waiting is ' || coalesce(i.amount, 0)
            || ' and ' || coalesce(c.amount, 0) || ' for closed accounts'
        FROM (
            SELECT currency, sum(balance) AS balance FROM account WHERE owner IS NULL AND kind = 'unclaimed' GROUP BY currency
        ) AS a
        FULL JOIN (SELECT currency, sum(amount) AS amount FROM invitation WHERE status = 'waiting' GROUP BY currency) AS i
            USING (currency)
        FULL JOIN (
            SELECT a.currency, sum(p.amount) AS amount
            FROM transfer t JOIN posting p ON p.transfer_id = t.id JOIN account a ON a.id = p.account_id AND a.kind = 'unclaimed'
            WHERE t.kind LIKE '%\\_unclaimed' GROUP BY a.currency
        ) AS c USING (currency)
        WHERE coalesce(a.balance, 0) <> coalesce(i.amount, 0) + coalesce(c.amount, 0)""",
    "what waits for somebody is what its sender paid": """
        SELECT 'invitation ' || i.transfer_id || ' of ' || i.amount || ' and ' || i.fee || ' was paid for with '
            || coalesce(t.amount, 0) || ' and ' || coalesce(t.fee, 0)
        FROM invitation i LEFT JOIN LATERAL (
            SELECT sum(p.amount) FILTER (WHERE a.kind = 'unclaimed') AS amount, min(a.owner::text) AS owner,
                sum(p.amount) FILTER (WHERE p.amount > 0 AND a.kind <> 'unclaimed') AS fee, min(a.currency) AS currency
            FROM transfer t JOIN posting p ON p.transfer_id = t.id JOIN account a ON a.id = p.account_id
            WHERE t.id = i.transfer_id AND t.kind = 'invite'
        ) AS t ON true
        WHERE (t.amount, coalesce(t.fee, 0), t.owner, t.currency)
            IS DISTINCT FROM (i.amount::numeric, i.fee::numeric, i.sender_id::text, i.currency)""",
}
