-- The ledger's one writer. Called by core/ledger/post.py only.
--
-- Takes any number of transfers in one call and one round trip; each is accepted or refused by itself, those of a chain stand or
-- fall together. Everything that belongs to a transfer comes as arrays, and accounts are named by their position in p_accounts, so
-- that the work is: lock the rows, judge every transfer in memory, write what was accepted with one statement a table.
--
-- Why two callers cannot undo each other: rows are locked in the order of p_accounts, which is the same for everybody
-- (people's accounts by id, then the service's own); a key belongs to its initiator's account, a hold and a reversal to the
-- accounts of their legs, and all of those are among the locked rows. So a second call with the same key, or for the same hold,
-- waits there and then sees what the first one did.
--
-- With a p_wait_ms of 0 nobody is waited for: a transfer that touches a row which somebody else holds, an account's or an open
-- hold's, is `busy`, and nothing of it was done. The others are posted.

CREATE OR REPLACE FUNCTION ledger_post_2(
    p_at timestamptz,
    p_day date,                  -- the calendar day of p_at where the service is at home
    p_accounts uuid[],           -- every account touched, once, in lock order
    p_ids uuid[],                -- from here to p_leg_ends: one element a transfer
    p_initiators int[],          -- position in p_accounts
    p_keys text[],
    p_hashes bigint[],
    p_kinds text[],
    p_limited bigint[],          -- how much of it counts against the initiator's limits
    p_firsts int[],              -- the first transfer of this call with the same initiator and key: itself, if no repetition
    p_leg_ends int[],            -- the position of the transfer's last leg
    p_leg_accounts int[],        -- from here: one element a leg
    p_leg_amounts bigint[],
    p_chains int[],              -- null where no transfer of the call has one, like the next four; neighbours with one number
    p_until timestamptz[],       -- reserve: hold the legs until then, post nothing
    p_settles uuid[],            -- the hold that this transfer captures (its legs) or gives back (no legs)
    p_reverses uuid[],
    p_at_most boolean[],         -- two legs, out and in: as much as is there, up to their amount
    p_notices jsonb,             -- [{id, transfer, leg, phone, language, body}], null for none
    p_rules jsonb,               -- {"tier currency": {transfer, day, balance}}: the limits of today
    p_wait_ms int                -- how long locked rows are waited for: null as the session says, 0 they are passed over
) RETURNS TABLE (outcomes text[], firsts uuid[], details bigint[], available bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
-- Its statements have one good plan each, whatever the arrays' length: planning them anew cost more than running them.
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
    c_transfers int := cardinality(p_ids);
    v_balances bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_accounts)]);
    v_held bigint[] := v_balances; v_floors bigint[] := v_balances; v_versions bigint[] := v_balances;
    v_spent bigint[] := v_balances; v_most_transfer bigint[] := v_balances; v_most_day bigint[] := v_balances;
    v_most_balance bigint[] := v_balances;
    v_currencies text[] := array_fill(NULL::text, ARRAY[cardinality(p_accounts)]);
    v_days date[] := array_fill(NULL::date, ARRAY[cardinality(p_accounts)]);
    v_times timestamptz[] := array_fill(NULL::timestamptz, ARRAY[cardinality(p_accounts)]);
    v_is_open boolean[] := array_fill(false, ARRAY[cardinality(p_accounts)]);
    v_is_ruleless boolean[] := v_is_open;  -- of a tier that has no limits: nothing that is limited may move there
    v_is_passed boolean[]; v_passed_holds uuid[];  -- the rows that somebody else holds; null where there are none
    v_outcomes text[] := array_fill(NULL::text, ARRAY[c_transfers]);
    v_firsts uuid[] := array_fill(NULL::uuid, ARRAY[c_transfers]);
    v_key_takers int[] := array_fill(NULL::int, ARRAY[c_transfers]);  -- which was accepted, at the place of the key's first
    v_details bigint[] := array_fill(NULL::bigint, ARRAY[c_transfers]);
    v_limited bigint[] := p_limited; v_amounts bigint[] := p_leg_amounts;
    v_leg_versions bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_leg_amounts)]);
    v_leg_balances bigint[] := v_leg_versions; v_leg_available bigint[] := v_leg_versions;
    v_leg_transfers int[] := array_fill(NULL::int, ARRAY[cardinality(p_leg_amounts)]);
    -- What the balances were before a chain, or a transfer that is more than its legs.
    s_balances bigint[]; s_held bigint[]; s_versions bigint[]; s_spent bigint[];
    v_chain int := 0; v_chain_from int := 0; v_culprit int;
    v_is_plain boolean; v_is_reserve boolean := false;
    v_is_beyond boolean;  -- it takes up more of another transfer than that has
    v_from int := 1; v_to int;
    a int; v_amount bigint; v_sum bigint;
    v_verdict text; v_detail bigint;
    v_hold record; r record;
    v_xid bigint;
    v_rows refcursor; v_rule jsonb; v_until timestamptz := clock_timestamp() + nullif(p_wait_ms, 0) * interval '1 ms';
BEGIN
    -- A table may be locked too, and is not waited for much longer: others wait for the rows that are held here by then.
    PERFORM set_config('lock_timeout', coalesce(nullif(p_wait_ms, 0), 400)::text, true) WHERE p_wait_ms IS NOT NULL;
    -- Nothing but the accounts is joined: a row that was waited for is read again as it is now, what is joined to it is not.
    IF p_wait_ms = 0 THEN
        OPEN v_rows FOR SELECT a.*, asked.position FROM unnest(p_accounts) WITH ORDINALITY AS asked (id, position)
            JOIN account a ON a.id = asked.id ORDER BY asked.position FOR NO KEY UPDATE OF a SKIP LOCKED;
    ELSE
        OPEN v_rows FOR SELECT a.*, asked.position FROM unnest(p_accounts) WITH ORDINALITY AS asked (id, position)
            JOIN account a ON a.id = asked.id ORDER BY asked.position FOR NO KEY UPDATE OF a;
    END IF;
    LOOP
        FETCH v_rows INTO r;
        EXIT WHEN NOT FOUND;
        a := r.position;
        v_balances[a] := r.balance; v_held[a] := r.held; v_floors[a] := r.floor; v_versions[a] := r.version;
        -- Never back to an earlier day or time, which a process with a slow clock might think it still is.
        v_days[a] := greatest(r.day, p_day);
        v_times[a] := greatest(r.posted_at, p_at);
        v_spent[a] := CASE WHEN r.day >= p_day THEN r.spent ELSE 0 END;
        v_currencies[a] := r.currency; v_is_open[a] := r.status = 'open';
        v_rule := p_rules -> (r.tier || ' ' || r.currency);
        v_is_ruleless[a] := r.tier IS NOT NULL AND v_rule IS NULL;
        v_most_transfer[a] := v_rule ->> 'transfer'; v_most_day[a] := v_rule ->> 'day'; v_most_balance[a] := v_rule ->> 'balance';
        IF clock_timestamp() > v_until THEN RAISE lock_not_available; END IF;  -- one row after the other, each for less than that
    END LOOP;
    CLOSE v_rows;
    IF p_wait_ms = 0 AND array_position(v_versions, NULL) IS NOT NULL THEN
        SELECT array_agg(v_versions[asked.position] IS NULL AND EXISTS (SELECT FROM account a WHERE a.id = asked.id)
            ORDER BY asked.position) INTO v_is_passed FROM unnest(p_accounts) WITH ORDINALITY AS asked (id, position);
    END IF;
    IF p_wait_ms = 0 AND p_settles IS NOT NULL THEN v_passed_holds := ledger_passed_holds(p_settles); END IF;

    -- A statement of its own, so that it sees what was committed while the rows above were waited for.
    FOR r IN
        SELECT asked.position, t.id, t.request_hash = p_hashes[asked.position] AS is_same, t.detail, t.available
        FROM unnest(p_initiators, p_keys) WITH ORDINALITY AS asked (initiator, key, position)
        JOIN transfer t ON t.initiator = p_accounts[asked.initiator] AND t.key = asked.key
    LOOP
        v_firsts[r.position] := r.id;
        v_outcomes[r.position] := CASE WHEN r.is_same THEN 'repeated' ELSE 'key_conflict' END;
        IF r.is_same THEN
            v_details[r.position] := r.detail;
            FOR l IN 1 .. coalesce(cardinality(r.available), 0) LOOP
                v_leg_available[coalesce(p_leg_ends[r.position - 1], 0) + l] := r.available[l];
            END LOOP;
        END IF;
    END LOOP;

    FOR i IN 1 .. c_transfers LOOP
        v_to := p_leg_ends[i];
        v_verdict := NULL;
        v_detail := NULL;

        IF coalesce(p_chains[i], 0) <> v_chain THEN
            v_chain := coalesce(p_chains[i], 0);
            v_chain_from := i;
            v_culprit := NULL;
            s_balances := v_balances; s_held := v_held; s_versions := v_versions; s_spent := v_spent;
        END IF;
        a := v_key_takers[p_firsts[i]];
        IF a IS NOT NULL THEN
            v_firsts[i] := p_ids[a];
            v_outcomes[i] := CASE WHEN p_hashes[i] = p_hashes[a] THEN 'repeated' ELSE 'key_conflict' END;
            IF p_hashes[i] = p_hashes[a] THEN
                v_details[i] := v_details[a];
                FOR l IN v_from .. v_to LOOP
                    v_leg_available[l] := v_leg_available[p_leg_ends[a] - v_to + l];
                END LOOP;
            END IF;
        END IF;

        IF v_culprit IS NOT NULL THEN
            v_outcomes[i] := 'chain_broken';
            v_details[i] := v_culprit;
        ELSIF v_outcomes[i] IS NULL AND (p_settles[i] = ANY (v_passed_holds) OR v_is_passed IS NOT NULL AND (
            v_is_passed[p_initiators[i]]
            OR EXISTS (SELECT FROM unnest(p_leg_accounts[v_from : v_to]) AS leg (account) WHERE v_is_passed[leg.account])
            OR EXISTS (SELECT FROM hold_leg h WHERE h.hold_id = p_settles[i]
                AND v_is_passed[array_position(p_accounts, h.account_id)])
        )) THEN
            v_outcomes[i] := 'busy';
        ELSIF v_outcomes[i] IS NULL THEN
            v_is_reserve := p_until[i] IS NOT NULL;
            v_is_plain := NOT v_is_reserve AND v_chain = 0 AND p_settles[i] IS NULL AND p_at_most[i] IS NOT TRUE;
            IF NOT v_is_plain AND v_chain = 0 THEN
                s_balances := v_balances; s_held := v_held; s_versions := v_versions; s_spent := v_spent;
            END IF;

            v_is_beyond := (p_reverses[i] IS NOT NULL OR p_settles[i] IS NOT NULL) AND ledger_exceeds(
                p_settles[i], p_reverses[i], ARRAY(SELECT p_accounts[leg] FROM unnest(p_leg_accounts[v_from : v_to]) AS leg),
                v_amounts[v_from : v_to]);
            IF p_reverses[i] IS NOT NULL THEN
                v_verdict := CASE WHEN v_is_beyond THEN 'invalid'
                    WHEN EXISTS (SELECT FROM transfer t WHERE t.reverses = p_reverses[i]) OR EXISTS (
                        SELECT FROM unnest(p_reverses[1 : i - 1], v_outcomes[1 : i - 1]) AS earlier (reverses, outcome)
                        WHERE earlier.reverses = p_reverses[i] AND earlier.outcome = 'posted') THEN 'already_reversed' END;
            END IF;

            IF p_settles[i] IS NOT NULL THEN
                SELECT o.expires_at, t.limited, t.day, t.initiator INTO v_hold
                FROM open_hold o JOIN transfer t ON t.id = o.hold_id WHERE o.hold_id = p_settles[i];
                IF NOT FOUND OR EXISTS (
                    SELECT FROM unnest(p_settles[1 : i - 1], v_outcomes[1 : i - 1]) AS earlier (settles, outcome)
                    WHERE earlier.settles = p_settles[i] AND earlier.outcome = 'posted'
                ) THEN
                    v_verdict := 'hold_closed';
                ELSIF v_to >= v_from AND v_hold.expires_at <= p_at THEN
                    v_verdict := 'hold_expired';
                ELSIF v_hold.initiator <> p_accounts[p_initiators[i]] OR v_is_beyond THEN
                    v_verdict := 'invalid';
                ELSE
                    -- All that was held is given back; what is captured leaves by the legs below.
                    FOR r IN SELECT array_position(p_accounts, h.account_id) AS position, h.amount
                        FROM hold_leg h WHERE h.hold_id = p_settles[i] AND h.amount < 0
                    LOOP
                        v_held[r.position] := v_held[r.position] + r.amount;
                    END LOOP;
                    v_limited[i] := CASE WHEN v_hold.day = v_days[p_initiators[i]] THEN p_limited[i] - v_hold.limited ELSE 0 END;
                END IF;
            END IF;

            IF p_at_most[i] IS TRUE AND v_to = v_from + 1 THEN
                a := p_leg_accounts[v_from];
                v_detail := least(-v_amounts[v_from], v_balances[a] - v_held[a] - v_floors[a]);
                IF v_detail > 0 THEN
                    v_amounts[v_from] := -v_detail;
                    v_amounts[v_to] := v_detail;
                ELSE
                    v_verdict := 'not_enough';
                END IF;
            END IF;

            a := p_initiators[i];
            IF v_versions[a] IS NULL OR (v_limited[i] > 0 AND v_is_ruleless[a]) THEN
                v_verdict := 'invalid';
            ELSIF v_limited[i] > 0 AND v_most_transfer[a] IS NOT NULL THEN
                IF v_limited[i] > v_most_transfer[a] THEN
                    v_verdict := 'over_transfer_limit';
                    v_detail := v_most_transfer[a];
                ELSIF v_spent[a] + v_limited[i] > v_most_day[a] THEN
                    v_verdict := 'over_day_limit';
                    v_detail := v_most_day[a] - v_spent[a];
                END IF;
            END IF;

            v_sum := 0;
            FOR l IN v_from .. v_to LOOP
                a := p_leg_accounts[l];
                v_amount := v_amounts[l];
                v_sum := v_sum + v_amount;
                IF v_is_reserve THEN
                    IF v_amount < 0 THEN
                        v_held[a] := v_held[a] - v_amount;
                    END IF;
                ELSE
                    v_balances[a] := v_balances[a] + v_amount;
                    v_leg_balances[l] := v_balances[a];
                END IF;
                IF v_amount < 0 THEN
                    IF v_balances[a] - v_held[a] < v_floors[a] THEN
                        v_verdict := coalesce(v_verdict, 'not_enough');
                    END IF;
                ELSIF p_limited[i] > 0 AND v_balances[a] > v_most_balance[a] THEN
                    v_verdict := coalesce(v_verdict, 'over_balance_limit');
                END IF;
                IF NOT v_is_open[a] THEN
                    v_verdict := 'account_closed';
                ELSIF v_amount = 0 OR (p_limited[i] > 0 AND v_is_ruleless[a])
                    OR v_currencies[a] <> v_currencies[p_leg_accounts[v_from]] THEN
                    v_verdict := 'invalid';
                END IF;
            END LOOP;
            IF v_sum <> 0 OR (v_to <= v_from AND p_settles[i] IS NULL) THEN
                v_verdict := 'invalid';
            END IF;

            IF v_verdict IS NULL THEN
                v_outcomes[i] := 'posted';
                v_details[i] := v_detail;
                v_key_takers[p_firsts[i]] := i;
                IF v_limited[i] <> 0 THEN
                    a := p_initiators[i];
                    v_spent[a] := v_spent[a] + v_limited[i];
                END IF;
                FOR l IN v_from .. v_to LOOP
                    a := p_leg_accounts[l];
                    v_leg_available[l] := v_balances[a] - v_held[a];
                    v_leg_transfers[l] := i;
                    IF NOT v_is_reserve THEN
                        v_versions[a] := v_versions[a] + 1;
                        v_leg_versions[l] := v_versions[a];
                    END IF;
                END LOOP;
            ELSE
                v_outcomes[i] := v_verdict;
                v_details[i] := v_detail;
                IF v_is_plain THEN
                    FOR l IN v_from .. v_to LOOP
                        a := p_leg_accounts[l];
                        v_balances[a] := v_balances[a] - v_amounts[l];
                    END LOOP;
                ELSE
                    v_balances := s_balances; v_held := s_held; v_versions := s_versions; v_spent := s_spent;
                END IF;
            END IF;
        END IF;

        IF v_chain <> 0 AND v_culprit IS NULL AND v_outcomes[i] NOT IN ('posted', 'repeated') THEN
            v_culprit := i;
            v_balances := s_balances; v_held := s_held; v_versions := s_versions; v_spent := s_spent;
            FOR j IN v_chain_from .. i - 1 LOOP
                IF v_outcomes[j] = 'posted' OR v_firsts[j] = ANY (p_ids[v_chain_from : i - 1]) THEN  -- or repeats one of those
                    v_outcomes[j] := 'chain_broken';
                    v_details[j] := v_culprit;
                    v_firsts[j] := NULL;
                    v_key_takers[p_firsts[j]] := NULL;
                    FOR l IN coalesce(p_leg_ends[j - 1], 0) + 1 .. p_leg_ends[j] LOOP
                        v_leg_versions[l] := NULL;
                        v_leg_available[l] := NULL;
                    END LOOP;
                END IF;
            END LOOP;
        END IF;
        v_from := v_to + 1;
    END LOOP;

    IF 'posted' = ANY (v_outcomes) THEN
        -- After the rows are locked: an era that has to begin is waited for with nothing left to wait for.
        v_xid := ledger_era(p_at) + pg_current_xact_id()::text::bigint;
        INSERT INTO transfer (
            id, initiator, key, request_hash, kind, limited, day, created_at, settles, reverses, detail, available, xid,
            hold_until)
        SELECT t.id, p_accounts[t.initiator], t.key, t.hash, t.kind, t.limited, v_days[t.initiator], p_at, t.settles, t.reverses,
            t.detail, v_leg_available[coalesce(p_leg_ends[t.position - 1], 0) + 1 : p_leg_ends[t.position]], v_xid, p_until[t.position]
        FROM unnest(p_ids, p_initiators, p_keys, p_hashes, p_kinds, v_limited, p_settles, p_reverses, v_details, v_outcomes)
            WITH ORDINALITY AS t (id, initiator, key, hash, kind, limited, settles, reverses, detail, outcome, position)
        WHERE t.outcome = 'posted';

        INSERT INTO posting (account_id, version, transfer_id, amount, balance_after, created_at)
        SELECT p_accounts[l.account], l.version, p_ids[l.transfer], l.amount, l.balance, v_times[l.account]
        FROM unnest(p_leg_accounts, v_leg_versions, v_leg_transfers, v_amounts, v_leg_balances)
            AS l (account, version, transfer, amount, balance)
        WHERE l.version IS NOT NULL;

        UPDATE account a SET balance = n.balance, held = n.held, version = n.version, day = n.day, spent = n.spent,
            posted_at = CASE WHEN n.version > a.version THEN n.posted_at ELSE a.posted_at END
        FROM unnest(p_accounts, v_balances, v_held, v_versions, v_days, v_spent, v_times)
            AS n (id, balance, held, version, day, spent, posted_at)
        WHERE a.id = n.id AND (a.version, a.held, a.spent, CASE WHEN n.spent > 0 THEN a.day ELSE n.day END)
            <> (n.version, n.held, n.spent, n.day);

        IF p_until IS NOT NULL THEN
            INSERT INTO hold_leg (hold_id, position, account_id, amount)
            SELECT p_ids[l.transfer], l.position - coalesce(p_leg_ends[l.transfer - 1], 0), p_accounts[l.account], l.amount
            FROM unnest(p_leg_accounts, v_leg_transfers, v_amounts) WITH ORDINALITY AS l (account, transfer, amount, position)
            WHERE p_until[l.transfer] IS NOT NULL AND v_outcomes[l.transfer] = 'posted';
            INSERT INTO open_hold (hold_id, expires_at)
            SELECT h.id, h.until FROM unnest(p_ids, p_until, v_outcomes) AS h (id, until, outcome)
            WHERE h.outcome = 'posted' AND h.until IS NOT NULL;
        END IF;
        IF p_settles IS NOT NULL THEN
            DELETE FROM open_hold o USING unnest(p_settles, v_outcomes) AS s (id, outcome)
            WHERE o.hold_id = s.id AND s.outcome = 'posted';
        END IF;
        IF p_notices IS NOT NULL THEN
            INSERT INTO outbox (id, transfer_id, phone, language, body, created_at)
            SELECT n.id, p_ids[n.transfer], n.phone, n.language, replace(
                n.body, '{balance}', coalesce(money_text(v_leg_available[n.leg], v_currencies[p_leg_accounts[n.leg]]), '')), p_at
            FROM jsonb_to_recordset(p_notices) AS n (id uuid, transfer int, leg int, phone text, language text, body text)
            WHERE v_outcomes[n.transfer] = 'posted';
        END IF;
    END IF;

    RETURN QUERY SELECT v_outcomes, v_firsts, v_details, v_leg_available;
END
$$;
