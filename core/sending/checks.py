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
}
