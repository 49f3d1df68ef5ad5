-- For the release before, which calls it; nothing else does.
CREATE OR REPLACE FUNCTION ledger_post(
    p_at timestamptz, p_day date, p_accounts uuid[], p_ids uuid[], p_initiators int[], p_keys text[], p_hashes bigint[],
    p_kinds text[], p_limited bigint[], p_firsts int[], p_leg_ends int[], p_leg_accounts int[], p_leg_amounts bigint[],
    p_chains int[], p_until timestamptz[], p_settles uuid[], p_reverses uuid[], p_at_most boolean[], p_notices jsonb,
    p_rules jsonb                -- [{tier, currency, transfer, day, balance}]
) RETURNS TABLE (outcomes text[], firsts uuid[], details bigint[], available bigint[])
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM ledger_post_2(
        p_at, p_day, p_accounts, p_ids, p_initiators, p_keys, p_hashes, p_kinds, p_limited, p_firsts, p_leg_ends, p_leg_accounts,
        p_leg_amounts, p_chains, p_until, p_settles, p_reverses, p_at_most, p_notices,
        (SELECT jsonb_object_agg(rule ->> 'tier' || ' ' || (rule ->> 'currency'), rule) FROM jsonb_array_elements(p_rules) AS rule),
        NULL)
$$;
