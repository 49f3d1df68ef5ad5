"""What must hold between jobs and the ledger. `jasho ledger verify` runs these after the ledger's own."""

CHECKS = {
    "a job's escrow holds its pay until the job is over, and then nothing": """
        SELECT 'job ' || j.number || ', ' || j.status || ', keeps ' || coalesce(a.balance::text, 'no account') || ' of ' || j.pay
        FROM job j LEFT JOIN account a ON a.id = j.escrow
        WHERE (j.status IN ('hired', 'finished', 'disputed') AND (a.balance, a.currency) IS DISTINCT FROM (j.pay, j.currency))
            OR (j.status NOT IN ('hired', 'finished', 'disputed') AND a.balance <> 0)""",
    "an escrow account belongs to a job": """
        SELECT 'account ' || a.id || ' keeps ' || a.balance || ' for no job' FROM account a
        WHERE a.kind = 'escrow' AND NOT EXISTS (SELECT FROM job j WHERE j.escrow = a.id AND j.employer_id = a.owner)""",
    "a job's pay goes to the one who was hired": """
        SELECT 'job ' || j.number || ' is worked by ' || coalesce(j.worker_id::text, 'nobody') || ', hired is '
            || coalesce(string_agg(a.worker_id::text, ' and '), 'nobody')
        FROM job j LEFT JOIN application a ON a.job_id = j.id AND a.status = 'hired'
        GROUP BY j.id HAVING count(a.worker_id) > 1 OR j.worker_id IS DISTINCT FROM min(a.worker_id::text)::uuid""",
}
