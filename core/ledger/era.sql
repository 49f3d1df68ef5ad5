-- Eras: what makes the numbers of transactions go on where a database goes on in another cluster.
--
-- A cluster counts its transactions by itself, so a database that is restored into another one would begin again below numbers
-- that its transfers have. `transfer.xid` therefore holds the era in its upper 15 bits and the cluster's number in the lower 48:
-- its order is that of era and number. A database that was never moved is in era 0, where both are the same.

-- The number to add to the cluster's own. Begins an era where the database finds itself in another cluster.
CREATE OR REPLACE FUNCTION ledger_era(p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_last ledger_era;
BEGIN
    SELECT * INTO v_last FROM ledger_era ORDER BY number DESC LIMIT 1;
    -- Nobody else can be in the era before: whoever writes here is in this cluster, and comes by here.
    IF v_last.system_identifier IS DISTINCT FROM (SELECT system_identifier FROM pg_control_system()) THEN
        -- Of those who find this out at once, one begins it; the others see it when they have waited.
        LOCK TABLE ledger_era IN SHARE ROW EXCLUSIVE MODE;
        SELECT * INTO v_last FROM ledger_era ORDER BY number DESC LIMIT 1;
        IF v_last.system_identifier IS DISTINCT FROM (SELECT system_identifier FROM pg_control_system()) THEN
            PERFORM ledger_add_era(p_at);
            SELECT * INTO v_last FROM ledger_era ORDER BY number DESC LIMIT 1;
        END IF;
    END IF;
    RETURN v_last.number << 48;
END
$$;

-- Begins an era in any case. Who has looked up the one before, and has not ended yet, is waited for: nothing is added to it later.
-- Not for long, because everybody who posts waits behind: beside a dump, which reads for minutes, it fails, to be tried again.
CREATE OR REPLACE FUNCTION ledger_begin_era(p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '500ms' AS $$
BEGIN
    LOCK TABLE ledger_era IN ACCESS EXCLUSIVE MODE;
    PERFORM ledger_add_era(p_at);
    RETURN ledger_era(p_at);
END
$$;

-- Of two at once the second waits for the first, and adds nothing. Rows that somebody has deleted do not lead back.
CREATE OR REPLACE FUNCTION ledger_add_era(p_at timestamptz) RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
    INSERT INTO ledger_era (number, system_identifier, begun_at)
    SELECT 1 + greatest(
            (SELECT max(number) FROM ledger_era),
            (SELECT (to_xid - 1) >> 48 FROM seal ORDER BY seal.number DESC LIMIT 1),
            -1),
        system_identifier, p_at
    FROM pg_control_system()
    ON CONFLICT DO NOTHING
$$;

-- In the cluster that it remembers, and yet at numbers that are sealed, is a database that was restored into a copy which had
-- stayed behind, or before there were eras.
CREATE OR REPLACE FUNCTION ledger_era_beyond_seals(p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_era bigint := ledger_era(p_at);
BEGIN
    IF v_era + pg_snapshot_xmax(pg_current_snapshot())::text::bigint
        < (SELECT to_xid FROM seal ORDER BY seal.number DESC LIMIT 1) THEN
        RETURN ledger_begin_era(p_at);
    END IF;
    RETURN v_era;
END
$$;
