-- The ledger's one writer. Called by core/ledger/post.py only.
--
-- Takes any number of transfers in one call and one round trip; each is accepted or refused by itself. Everything that
-- belongs to a transfer comes as arrays, and accounts are named by their position in p_accounts, so that the work is:
-- lock the rows, judge every transfer in memory, write what was accepted with one statement a table.
--
-- Why two callers cannot undo each other: rows are locked in the order of p_accounts, which is the same for everybody
-- (people's accounts by id, then the service's own); a key belongs to its initiator's account, which is one of the locked
-- rows, so a second call with the same key waits there and then sees the first call's transfer.

CREATE OR REPLACE FUNCTION money_text(minor bigint, currency text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    -- The same words as core/money.py (a test compares them): an SMS that tells a balance is written in here, where it is known.
    SELECT CASE WHEN minor < 0 THEN '-' ELSE '' END || currency || ' ' || CASE
        WHEN currency IN ('UGX', 'RWF') THEN to_char(abs(minor), 'FM999,999,999,999,999,990')
        WHEN minor % 100 = 0 THEN to_char(abs(minor) / 100, 'FM999,999,999,999,999,990')
        ELSE to_char(abs(minor) / 100.0, 'FM999,999,999,999,999,990.00')
    END
$$;

CREATE OR REPLACE FUNCTION ledger_post(
    p_at timestamptz,
    p_accounts uuid[],           -- every account touched, once, in lock order
    p_ids uuid[],                -- from here to p_leg_ends: one element a transfer
    p_keys text[],
    p_hashes bytea[],
    p_kinds text[],
    p_initiators int[],          -- position in p_accounts
    p_firsts int[],              -- the first transfer of this call with the same initiator and key: itself, if no repetition
    p_leg_ends int[],            -- the position of the transfer's last leg
    p_leg_accounts int[],        -- from here: one element a leg
    p_leg_amounts bigint[],
    p_notice_ids uuid[],         -- from here: one element a notice
    p_notice_legs int[],         -- the leg whose balance takes the place of {balance}
    p_notice_transfers int[],
    p_notice_phones text[],
    p_notice_languages text[],
    p_notice_bodies text[]
) RETURNS TABLE (outcome text, transfer_id uuid, available bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_balances bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_accounts)]);
    v_held bigint[] := v_balances;
    v_floors bigint[] := v_balances;
    v_ceilings bigint[] := v_balances;
    v_versions bigint[] := v_balances;
    v_statuses text[] := array_fill(NULL::text, ARRAY[cardinality(p_accounts)]);
    v_currencies text[] := v_statuses;
    v_found uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(p_ids)]);
    v_outcomes text[] := array_fill('posted'::text, ARRAY[cardinality(p_ids)]);
    v_leg_versions bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_leg_amounts)]);
    v_leg_balances bigint[] := v_leg_versions;
    v_leg_available bigint[] := v_leg_versions;
    v_leg_transfers uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(p_leg_amounts)]);
    v_any boolean := false;
    v_from int := 1;
    v_to int;
    v_account int;
    v_sum bigint;
    v_verdict text;
    r record;
BEGIN
    FOR r IN
        SELECT a.balance, a.held, a.floor, a.ceiling, a.version, a.status, a.currency, asked.position
        FROM unnest(p_accounts) WITH ORDINALITY AS asked (id, position)
        JOIN account a ON a.id = asked.id
        ORDER BY asked.position
        FOR NO KEY UPDATE OF a
    LOOP
        v_balances[r.position] := r.balance;
        v_held[r.position] := r.held;
        v_floors[r.position] := r.floor;
        v_ceilings[r.position] := r.ceiling;
        v_versions[r.position] := r.version;
        v_statuses[r.position] := r.status;
        v_currencies[r.position] := r.currency;
    END LOOP;

    -- A statement of its own, so that it sees what was committed while the rows above were waited for.
    FOR r IN
        SELECT asked.position, t.id, t.request_hash = p_hashes[asked.position] AS is_same
        FROM unnest(p_initiators, p_keys) WITH ORDINALITY AS asked (initiator, key, position)
        JOIN transfer t ON t.initiator = p_accounts[asked.initiator] AND t.key = asked.key
    LOOP
        v_found[r.position] := r.id;
        v_outcomes[r.position] := CASE WHEN r.is_same THEN 'repeated' ELSE 'key_conflict' END;
    END LOOP;

    FOR i IN 1 .. cardinality(p_ids) LOOP
        v_to := p_leg_ends[i];
        IF p_firsts[i] < i AND v_outcomes[p_firsts[i]] IN ('posted', 'repeated') AND v_found[i] IS NULL THEN
            v_found[i] := coalesce(v_found[p_firsts[i]], p_ids[p_firsts[i]]);
            v_outcomes[i] := CASE WHEN p_hashes[i] = p_hashes[p_firsts[i]] THEN 'repeated' ELSE 'key_conflict' END;
        END IF;
        IF v_found[i] IS NULL THEN
            v_sum := 0;
            v_verdict := 'posted';
            FOR l IN v_from .. v_to LOOP
                v_account := p_leg_accounts[l];
                v_sum := v_sum + p_leg_amounts[l];
                v_balances[v_account] := v_balances[v_account] + p_leg_amounts[l];
            END LOOP;
            FOR l IN v_from .. v_to LOOP
                v_account := p_leg_accounts[l];
                IF v_statuses[v_account] IS DISTINCT FROM 'open' THEN
                    v_verdict := 'account_closed';
                ELSIF v_currencies[v_account] <> v_currencies[p_leg_accounts[v_from]] THEN
                    RAISE EXCEPTION 'transfer % mixes currencies', p_ids[i];
                ELSIF p_leg_amounts[l] < 0 AND v_balances[v_account] - v_held[v_account] < v_floors[v_account] THEN
                    v_verdict := 'not_enough';
                ELSIF p_leg_amounts[l] > 0 AND v_balances[v_account] > v_ceilings[v_account] THEN
                    v_verdict := 'over_ceiling';
                END IF;
                EXIT WHEN v_verdict <> 'posted';
            END LOOP;
            IF v_sum <> 0 OR v_to <= v_from THEN
                RAISE EXCEPTION 'transfer % does not balance', p_ids[i];
            END IF;
            v_outcomes[i] := v_verdict;
            FOR l IN v_from .. v_to LOOP
                v_account := p_leg_accounts[l];
                IF v_verdict = 'posted' THEN
                    v_versions[v_account] := v_versions[v_account] + 1;
                    v_leg_versions[l] := v_versions[v_account];
                    v_leg_balances[l] := v_balances[v_account];
                    v_leg_available[l] := v_balances[v_account] - v_held[v_account];
                    v_leg_transfers[l] := p_ids[i];
                    v_any := true;
                ELSE
                    v_balances[v_account] := v_balances[v_account] - p_leg_amounts[l];
                END IF;
            END LOOP;
        END IF;
        v_from := v_to + 1;
    END LOOP;

    IF v_any THEN
        INSERT INTO transfer (id, initiator, key, request_hash, kind, created_at)
        SELECT t.id, p_accounts[t.initiator], t.key, t.hash, t.kind, p_at
        FROM unnest(p_ids, p_initiators, p_keys, p_hashes, p_kinds, v_outcomes) AS t (id, initiator, key, hash, kind, outcome)
        WHERE t.outcome = 'posted';

        INSERT INTO posting (account_id, version, transfer_id, amount, balance_after)
        SELECT p_accounts[l.account], l.version, l.transfer, l.amount, l.balance
        FROM unnest(p_leg_accounts, v_leg_versions, v_leg_transfers, p_leg_amounts, v_leg_balances)
            AS l (account, version, transfer, amount, balance)
        WHERE l.version IS NOT NULL;

        UPDATE account a SET balance = n.balance, version = n.version
        FROM unnest(p_accounts, v_balances, v_versions) AS n (id, balance, version)
        WHERE a.id = n.id AND a.version <> n.version;

        INSERT INTO outbox (id, transfer_id, phone, language, body, created_at)
        SELECT n.id, p_ids[n.transfer], n.phone, n.language,
            replace(n.body, '{balance}', money_text(v_leg_available[n.leg], v_currencies[p_leg_accounts[n.leg]])), p_at
        FROM unnest(p_notice_ids, p_notice_legs, p_notice_transfers, p_notice_phones, p_notice_languages, p_notice_bodies)
            AS n (id, leg, transfer, phone, language, body)
        WHERE v_outcomes[n.transfer] = 'posted';
    END IF;

    v_from := 1;
    FOR i IN 1 .. cardinality(p_ids) LOOP
        outcome := v_outcomes[i];
        transfer_id := coalesce(v_found[i], p_ids[i]);
        available := CASE outcome
            WHEN 'posted' THEN v_leg_available[v_from : p_leg_ends[i]]
            -- The first answer again: what the balances were then.
            WHEN 'repeated' THEN ARRAY(
                SELECT (SELECT p.balance_after FROM posting p
                        WHERE p.transfer_id = v_found[i] AND p.account_id = p_accounts[leg.account] LIMIT 1)
                FROM unnest(p_leg_accounts[v_from : p_leg_ends[i]]) WITH ORDINALITY AS leg (account, position)
                ORDER BY leg.position)
        END;
        RETURN NEXT;
        v_from := p_leg_ends[i] + 1;
    END LOOP;
END
$$;
