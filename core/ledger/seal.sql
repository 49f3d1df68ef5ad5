-- Sealing: a chain of hashes over everything that was committed, so that a change made behind the service's back shows.
--
-- A seal covers the transfers of a run of database transactions. It ends where every transaction has ended, so that nothing can
-- still be added to it, as every one of the eras before has. It keeps eight bytes of each transfer's hash (to name the one that
-- was changed) and a digest of those and of the seal before.

CREATE OR REPLACE FUNCTION ledger_leaf(t transfer) RETURNS bytea
LANGUAGE sql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
    SELECT substring(sha256(convert_to(concat_ws('|',
        t.id, t.initiator, t.key, t.request_hash, t.kind, t.limited, t.day, t.created_at, coalesce(t.settles::text, '-'),
        coalesce(t.reverses::text, '-'), coalesce(t.detail::text, '-'), t.available, t.xid,
        (SELECT string_agg(concat_ws(',', p.account_id, p.version, p.amount, p.balance_after, p.created_at), ';' ORDER BY p.account_id, p.version)
         FROM posting p WHERE p.transfer_id = t.id),
        (SELECT string_agg(concat_ws(',', h.position, h.account_id, h.amount), ';' ORDER BY h.position) FROM hold_leg h WHERE h.hold_id = t.id)
    ), 'UTF8')) FOR 8)
$$;

CREATE OR REPLACE FUNCTION ledger_digest(number bigint, from_xid bigint, to_xid bigint, transfers int, leaves bytea, before bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(concat_ws('|', number, from_xid, to_xid, transfers), 'UTF8') || coalesce(before, '') || leaves)
$$;

-- Seals what has been committed since the last seal, at most about p_most transfers; answers how many there were.
CREATE OR REPLACE FUNCTION ledger_seal(p_at timestamptz, p_most int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_last seal;
    v_era bigint;
    v_from bigint;
    v_to bigint;
    v_transfers int;
    v_leaves bytea;
BEGIN
    -- One sealer at a time; another one that comes meanwhile has nothing to do.
    IF NOT pg_try_advisory_xact_lock(hashtext('ledger_seal')) THEN
        RETURN 0;
    END IF;
    SELECT * INTO v_last FROM seal ORDER BY number DESC LIMIT 1;
    v_from := coalesce(v_last.to_xid, 0);
    BEGIN
        v_era := ledger_era_beyond_seals(p_at);
    EXCEPTION WHEN lock_not_available THEN
        RETURN 0;  -- the next round tries again
    END;
    SELECT least(v_era + pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 1 + max(xid)) INTO v_to
    FROM (SELECT xid FROM transfer WHERE xid >= v_from ORDER BY xid LIMIT p_most) AS next;
    IF v_to IS NULL OR v_to <= v_from THEN
        RETURN 0;
    END IF;
    SELECT count(*), coalesce(string_agg(ledger_leaf(t), ''::bytea ORDER BY t.xid, t.id), '') INTO v_transfers, v_leaves
    FROM transfer t WHERE t.xid >= v_from AND t.xid < v_to;
    IF v_transfers = 0 THEN
        RETURN 0;
    END IF;
    INSERT INTO seal (number, from_xid, to_xid, transfers, leaves, digest, sealed_at)
    SELECT n.number, v_from, v_to, v_transfers, v_leaves,
        ledger_digest(n.number, v_from, v_to, v_transfers, v_leaves, v_last.digest), p_at
    FROM (SELECT coalesce(v_last.number, 0) + 1 AS number) AS n;
    RETURN v_transfers;
END
$$;
