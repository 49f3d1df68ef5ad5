"""What must hold between agents and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    # Over all days: a top-up at midnight may be counted on the day before that of its transfer.
    "what a customer brought to an agent, and his commission for it, are what the journal has": """
        SELECT 'agent ' || agent_id || ' counts ' || coalesce(d.deposited, 0) || ' and ' || coalesce(d.commission, 0)
            || ' of customer ' || customer_id || ', the journal ' || coalesce(t.deposited, 0) || ' and '
            || coalesce(t.commission, 0)
        FROM (
            SELECT agent_id, customer_id, sum(deposited) AS deposited, sum(commission) AS commission
            FROM agent_day GROUP BY agent_id, customer_id
        ) AS d FULL JOIN (
            SELECT agent_id, customer_id, sum(deposited) AS deposited, sum(commission) AS commission
            FROM (
                SELECT t.id, min(a.owner::text) FILTER (WHERE a.kind = 'float')::uuid AS agent_id,
                    min(a.owner::text) FILTER (WHERE a.kind = 'wallet')::uuid AS customer_id,
                    sum(p.amount) FILTER (WHERE a.kind = 'wallet') AS deposited,
                    coalesce(sum(p.amount) FILTER (WHERE a.kind = 'commission'), 0) AS commission
                FROM transfer t JOIN posting p ON p.transfer_id = t.id JOIN account a ON a.id = p.account_id
                WHERE t.kind = 'cash_in' GROUP BY t.id
            ) AS top_up
            GROUP BY agent_id, customer_id
        ) AS t USING (agent_id, customer_id)
        WHERE (coalesce(d.deposited, 0), coalesce(d.commission, 0)) <> (coalesce(t.deposited, 0), coalesce(t.commission, 0))""",
    "float that was bought or sold is in the journal under the bank's reference": """
        SELECT 'float of reference ' || f.reference || ' is not in the journal'
        FROM float_trade f
        LEFT JOIN transfer t ON t.id = f.transfer_id AND t.kind = f.kind AND t.key = f.kind || ':' || f.reference
        WHERE t.id IS NULL""",
}
