-- What core/ledger/post.sql calls.

CREATE OR REPLACE FUNCTION money_text(minor bigint, currency text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    -- The same words as core/money.py (a test compares them): an SMS that tells a balance is written in here, where it is known.
    SELECT CASE WHEN minor < 0 THEN '-' ELSE '' END || currency || ' ' || CASE
        WHEN currency IN ('UGX', 'RWF') THEN to_char(abs(minor), 'FM999,999,999,999,999,990')
        WHEN minor % 100 = 0 THEN to_char(abs(minor) / 100, 'FM999,999,999,999,999,990')
        ELSE to_char(abs(minor) / 100.0, 'FM999,999,999,999,999,990.00')
    END
$$;

-- Do legs give or take more than the hold promised, or send back more than the transfer moved, on any account? The service's own
-- accounts count together by kind and currency: another call draws another stripe. Of nothing, and of a reversal, nothing goes back.
CREATE OR REPLACE FUNCTION ledger_exceeds(p_hold uuid, p_original uuid, p_accounts uuid[], p_amounts bigint[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH asked AS (
        SELECT account, sum(amount) AS amount FROM unnest(p_accounts, p_amounts) AS leg (account, amount) GROUP BY account, sign(amount)
    ), allowed AS (
        SELECT account_id AS account, amount FROM hold_leg WHERE hold_id = p_hold
        UNION ALL
        SELECT p.account_id, -p.amount FROM posting p JOIN transfer t ON t.id = p.transfer_id
        WHERE p.transfer_id = p_original AND t.reverses IS NULL
    ), named AS (
        SELECT leg.amount, sign(leg.amount) AS way, leg.is_asked,
            CASE WHEN a.owner IS NULL THEN a.kind || ' ' || a.currency ELSE a.id::text END AS name
        FROM (SELECT *, true AS is_asked FROM asked UNION ALL SELECT *, false FROM allowed) AS leg JOIN account a ON a.id = leg.account
    )
    SELECT EXISTS (
        SELECT FROM named GROUP BY name, way
        HAVING coalesce(abs(sum(amount) FILTER (WHERE is_asked)), 0) > coalesce(abs(sum(amount) FILTER (WHERE NOT is_asked)), 0))
$$;

-- Locks the open holds among these that nobody else has locked, and answers which somebody has.
CREATE OR REPLACE FUNCTION ledger_passed_holds(p_holds uuid[]) RETURNS uuid[]
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (
        WITH free AS MATERIALIZED (SELECT hold_id FROM open_hold WHERE hold_id = ANY (p_holds) FOR UPDATE OF open_hold SKIP LOCKED)
        SELECT array_agg(hold_id) FROM open_hold WHERE hold_id = ANY (p_holds) AND hold_id NOT IN (SELECT hold_id FROM free));
END
$$;
