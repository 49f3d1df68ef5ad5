-- Periods of messages: a table of `outbox` and one of `sms_attempt` each, for the ids of some days. They are made before their time
-- and go as a whole, which leaves nothing behind that would have to be vacuumed.
--
-- They work as the tables' owner, so that the service needs no right to make or drop a table. They give nobody who holds the
-- service's login more than its right to delete messages, but for empty tables, and of those at most a hundred.
--
-- Locks that are not free within a tenth of a second, all together, end a call, so that whoever waits behind it, a sender, waits no
-- longer. Only the tables that change are locked, so that a VACUUM of another period is in nobody's way.

CREATE OR REPLACE FUNCTION period_first_id(p_day date) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((p_day - date '1970-01-01')::bigint * 86400000), 12, '0') || '70008000000000000000')::uuid
$$;

CREATE OR REPLACE FUNCTION period_day(p_id uuid) RETURNS date
LANGUAGE sql IMMUTABLE AS $$
    SELECT date '1970-01-01' + (('x' || left(replace(p_id::text, '-', ''), 12))::bit(48)::bigint / 86400000)::int
$$;

CREATE OR REPLACE FUNCTION period_list() RETURNS TABLE (name text, first_id uuid, end_id uuid)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT substring(c.relname FROM 8),
        coalesce(substring(b.bound FROM 'FROM \(''([0-9a-f-]+)''\)'), '00000000-0000-0000-0000-000000000000')::uuid,
        substring(b.bound FROM 'TO \(''([0-9a-f-]+)''\)')::uuid
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid, pg_get_expr(c.relpartbound, c.oid) AS b (bound)
    WHERE i.inhparent = 'public.outbox'::regclass AND b.bound <> 'DEFAULT'
$$;

-- Locks up to six tables in this order, in a tenth of a second or not at all. Half of it is for the first: who has that one mostly
-- has the others too.
CREATE OR REPLACE FUNCTION period_lock(p_mode text, VARIADIC p_tables text[]) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_table text;
BEGIN
    PERFORM set_config('lock_timeout', '50ms', true);
    FOREACH v_table IN ARRAY p_tables LOOP
        EXECUTE format('LOCK TABLE ONLY %I IN %s MODE', v_table, p_mode);
        PERFORM set_config('lock_timeout', '10ms', true);
    END LOOP;
END
$$;

-- Makes the first period that is missing for the day of p_at and the next ones; answers how many it made, so that a caller goes on
-- until there is none. Each is a transaction, because the default tables are read through under a lock. A day of which a message
-- is in them already, because this came too late or a clock was wrong, stays with them.
CREATE OR REPLACE FUNCTION period_make(p_at timestamptz, p_days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '100ms' AS $$
DECLARE
    v_day date := p_at::date;
    v_last date := p_at::date + greatest(2, least(p_days, 7));
    v_end date;
    v_end_id uuid;
BEGIN
    IF (p_days BETWEEN 1 AND 1000 AND p_at BETWEEN '2000-01-01' AND '2900-01-01') IS NOT TRUE THEN
        RAISE EXCEPTION 'no period of % days at %', p_days, p_at;
    END IF;
    -- One at a time; another one that comes meanwhile has nothing to do.
    IF NOT pg_try_advisory_xact_lock(hashtext('period')) OR (SELECT count(*) FROM period_list()) >= 100 THEN
        RETURN 0;
    END IF;
    WHILE v_day <= v_last LOOP
        SELECT end_id INTO v_end_id FROM period_list()
        WHERE first_id <= period_first_id(v_day) AND end_id > period_first_id(v_day);
        IF v_end_id IS NOT NULL THEN
            EXIT WHEN v_end_id >= period_first_id(v_last + 1);
            -- A table that somebody has attached by hand may end amid a day.
            v_day := greatest(v_day + 1, period_day(v_end_id));
        ELSIF EXISTS (SELECT FROM outbox_default WHERE id >= period_first_id(v_day) AND id < period_first_id(v_day + 1)) THEN
            v_day := v_day + 1;
        ELSE
            v_end := least(v_day + p_days,
                period_day((SELECT min(first_id::text)::uuid FROM period_list() WHERE first_id > period_first_id(v_day))),
                period_day((SELECT id FROM outbox_default WHERE id >= period_first_id(v_day) ORDER BY id LIMIT 1)));
            PERFORM period_make_tables(v_day, v_end);
            RETURN 1;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;

CREATE OR REPLACE FUNCTION period_make_tables(p_first date, p_end date) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_outbox text := format('outbox_p%s', to_char(p_first, 'YYYYMMDD'));
    v_attempt text := format('sms_attempt_p%s', to_char(p_first, 'YYYYMMDD'));
BEGIN
    -- Nobody but a VACUUM of these two waits for it.
    PERFORM period_lock('SHARE UPDATE EXCLUSIVE', 'outbox', 'sms_attempt');
    EXECUTE format('CREATE TABLE %I (LIKE outbox INCLUDING ALL EXCLUDING INDEXES, CONSTRAINT %I PRIMARY KEY (id))',
        v_outbox, 'pk_' || v_outbox);
    EXECUTE format('CREATE TABLE %I (LIKE sms_attempt INCLUDING ALL EXCLUDING INDEXES, CONSTRAINT %I PRIMARY KEY (id), '
        'CONSTRAINT %I FOREIGN KEY (outbox_id) REFERENCES %I (id))', v_attempt, 'pk_' || v_attempt, 'fk_' || v_attempt || '_outbox_id', v_outbox);
    PERFORM period_lock('ACCESS EXCLUSIVE', 'outbox_default', 'sms_attempt_default');
    EXECUTE format('ALTER TABLE outbox ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        v_outbox, period_first_id(p_first), period_first_id(p_end));
    EXECUTE format('ALTER TABLE sms_attempt ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        v_attempt, period_first_id(p_first), period_first_id(p_end));
END
$$;

-- Is a message of the period still due? Told by the indexes, however long the period is.
CREATE OR REPLACE FUNCTION period_is_due(p_name text) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_is_due boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %1$I WHERE status IN (''queued'', ''unsure'')) OR EXISTS (SELECT FROM %1$I WHERE status = ''sending'')',
        'outbox_' || p_name)
    INTO v_is_due;
    RETURN v_is_due;
END
$$;

-- Is one due, in a state that this does not know, or has something happened to one since p_before? Reads the period through.
CREATE OR REPLACE FUNCTION period_is_in_use(p_name text, p_before timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    v_is_in_use boolean;
BEGIN
    IF period_is_due(p_name) THEN
        RETURN true;
    END IF;
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I WHERE greatest(created_at, claimed_at, delivered_at) >= $1 '
        'OR status NOT IN (''sent'', ''delivered'', ''undelivered'', ''failed'', ''expired'', ''suppressed''))',
        'outbox_' || p_name)
    INTO v_is_in_use USING p_before;
    RETURN v_is_in_use;
END
$$;

-- Drops the oldest period that is over: all of its ids are before p_before, its messages have ended and nothing has happened to
-- them since p_before. Answers whether there was one.
CREATE OR REPLACE FUNCTION period_drop(p_before timestamptz) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '100ms' AS $$
DECLARE
    v_name text;
BEGIN
    IF (p_before BETWEEN '2000-01-01' AND '2900-01-01') IS NOT TRUE THEN
        RAISE EXCEPTION 'no period before %', p_before;
    END IF;
    -- In any other the second look sees no more than the first.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'a period is dropped in READ COMMITTED, not in %', upper(current_setting('transaction_isolation'));
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtext('period')) THEN
        RETURN 0;
    END IF;
    FOR v_name IN SELECT name FROM period_list() WHERE end_id <= period_first_id(p_before::date) ORDER BY end_id LOOP
        IF NOT period_is_in_use(v_name, p_before) THEN
            PERFORM period_lock('ACCESS EXCLUSIVE', 'outbox', 'sms_attempt', 'outbox_default', 'sms_attempt_default',
                'outbox_' || v_name, 'sms_attempt_' || v_name);
            -- A message of an old id, of a clock that is behind, may have come before the lock and after the first look.
            IF period_is_due(v_name) THEN
                RETURN 0;
            END IF;
            EXECUTE format('DROP TABLE %I, %I', 'sms_attempt_' || v_name, 'outbox_' || v_name);
            RETURN 1;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
