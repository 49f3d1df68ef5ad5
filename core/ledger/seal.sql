-- Sealing: a chain of hashes over everything that was committed, so that a change made behind the service's back shows.
--
-- A seal covers the transfers of a run of database transactions. It ends where every transaction has ended, so that nothing can
-- still be added to it, as every one of the eras before has. It keeps eight bytes of each transfer's hash (to name the one that
-- was changed) and a digest of those and of the seal before.

-- The hash of each transfer of a run of database transactions, with all that belongs to it: postings, and of an account's first one
-- the account's fixed columns; the legs of a hold; what is on record of a reversal and of an exchange. Free text stands behind its
-- length, so that no two different transfers are hashed as one text.
CREATE OR REPLACE FUNCTION ledger_leaves(p_version int, p_from bigint, p_to bigint, p_id uuid DEFAULT NULL)
RETURNS TABLE (id uuid, xid bigint, leaf bytea)
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO'
-- Each transfer looks up its own rows: a join would read the whole table of postings for each seal.
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    c_where text := CASE WHEN p_id IS NULL THEN ' WHERE t.xid >= $1 AND t.xid < $2' ELSE ' WHERE t.id = $3' END;
BEGIN
    IF p_version = 1 THEN
        RETURN QUERY EXECUTE 'SELECT t.id, t.xid, ledger_leaf_1(t) FROM transfer t' || c_where USING p_from, p_to, p_id;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE $leaf$
        SELECT t.id, t.xid, substring(sha256(convert_to(concat_ws('|',
            t.id, t.initiator, length(t.key), t.key, length(t.kind), t.kind, t.request_hash, t.limited, t.day, t.created_at,
            coalesce(t.settles::text, '-'), coalesce(t.reverses::text, '-'), coalesce(t.detail::text, '-'),
            coalesce(t.available::text, '-'), coalesce(t.hold_until::text, '-'), t.xid,
            coalesce((
                SELECT string_agg(concat_ws(',', p.account_id, p.version, p.amount, p.balance_after, p.created_at,
                    CASE WHEN p.version = 1 THEN (
                        SELECT concat_ws(',', coalesce(a.owner::text, '-'), length(a.kind), a.kind, length(a.currency), a.currency,
                            coalesce(a.floor::text, '-'), a.created_at)
                        FROM account a WHERE a.id = p.account_id)
                    END), ';' ORDER BY p.account_id, p.version)
                FROM posting p WHERE p.transfer_id = t.id), '-'),
            CASE WHEN t.hold_until IS NULL THEN '-' ELSE coalesce((
                SELECT string_agg(concat_ws(',', h.position, h.account_id, h.amount), ';' ORDER BY h.position)
                FROM hold_leg h WHERE h.hold_id = t.id), '-')
            END,
            CASE WHEN t.reverses IS NULL THEN '-' ELSE coalesce((
                SELECT concat_ws(',', length(r.reason), r.reason, length(r.requested_by), r.requested_by,
                    coalesce(length(r.approved_by), -1), r.approved_by)
                FROM reversal r WHERE r.transfer_id = t.id), '-')
            END,
            CASE WHEN t.kind <> 'exchange' THEN '-' ELSE coalesce((
                SELECT concat_ws(',', e.sold_transfer_id, e.bought_transfer_id, e.rate_bought, e.rate_sold)
                FROM exchange e WHERE t.id IN (e.sold_transfer_id, e.bought_transfer_id)), '-')
            END
        ), 'UTF8')) FOR 8)
        FROM transfer t$leaf$ || c_where USING p_from, p_to, p_id;
END
$$;

-- A leaf of version 1, in which two different transfers can have one text.
CREATE OR REPLACE FUNCTION ledger_leaf_1(t transfer) RETURNS bytea
LANGUAGE sql STABLE SET search_path = public, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
    SELECT substring(sha256(convert_to(concat_ws('|',
        t.id, t.initiator, t.key, t.request_hash, t.kind, t.limited, t.day, t.created_at, coalesce(t.settles::text, '-'),
        coalesce(t.reverses::text, '-'), coalesce(t.detail::text, '-'), t.available, t.xid,
        (SELECT string_agg(concat_ws(',', p.account_id, p.version, p.amount, p.balance_after, p.created_at), ';' ORDER BY p.account_id, p.version)
         FROM posting p WHERE p.transfer_id = t.id),
        (SELECT string_agg(concat_ws(',', h.position, h.account_id, h.amount), ';' ORDER BY h.position) FROM hold_leg h WHERE h.hold_id = t.id)
    ), 'UTF8')) FOR 8)
$$;

-- The leaf that the transfer's seal holds, for the release before; nothing else calls it.
CREATE OR REPLACE FUNCTION ledger_leaf(t transfer) RETURNS bytea
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF t.xid >= (SELECT min(from_xid) FROM seal WHERE leaf_version = 2) THEN
        RETURN (SELECT l.leaf FROM ledger_leaves(2, NULL, NULL, t.id) AS l);
    END IF;
    RETURN ledger_leaf_1(t);
END
$$;

CREATE OR REPLACE FUNCTION ledger_digest(number bigint, from_xid bigint, to_xid bigint, transfers int, leaves bytea, before bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(concat_ws('|', number, from_xid, to_xid, transfers), 'UTF8') || coalesce(before, '') || leaves)
$$;

-- Seals what has been committed since the last seal, at most about p_most transfers; answers how many there were. Where there are
-- fewer than p_fewest, and the last seal is younger than p_rest, it leaves them to a later one: a proof looks at every seal.
CREATE OR REPLACE FUNCTION ledger_seal_2(p_at timestamptz, p_most int, p_fewest int, p_rest interval) RETURNS int
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
    SELECT least(v_era + pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 1 + max(xid)), count(*) INTO v_to, v_transfers
    FROM (SELECT xid FROM transfer WHERE xid >= v_from ORDER BY xid LIMIT p_most) AS next;
    -- A clock that was set back does not make it wait.
    IF v_to IS NULL OR v_to <= v_from OR (v_transfers < p_fewest AND abs(extract(epoch FROM p_at - v_last.sealed_at))
        < extract(epoch FROM p_rest)) THEN
        RETURN 0;
    END IF;
    SELECT count(*), coalesce(string_agg(l.leaf, ''::bytea ORDER BY l.xid, l.id), '') INTO v_transfers, v_leaves
    FROM ledger_leaves(2, v_from, v_to) AS l;
    IF v_transfers = 0 THEN
        RETURN 0;
    END IF;
    INSERT INTO seal (number, from_xid, to_xid, transfers, leaves, leaf_version, digest, sealed_at)
    SELECT n.number, v_from, v_to, v_transfers, v_leaves, 2,
        ledger_digest(n.number, v_from, v_to, v_transfers, v_leaves, v_last.digest), p_at
    FROM (SELECT coalesce(v_last.number, 0) + 1 AS number) AS n;
    RETURN v_transfers;
END
$$;

-- At once, however few there are. The release before calls it too.
CREATE OR REPLACE FUNCTION ledger_seal(p_at timestamptz, p_most int) RETURNS int
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT ledger_seal_2(p_at, p_most, 0, '0')
$$;
