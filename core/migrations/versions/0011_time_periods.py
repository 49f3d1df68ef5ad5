"""Messages and their attempts in periods of time, so that what is old goes as a whole.

The tables in use become the first period: they are renamed, and tables of their names stand over them. No row moves. A row
belongs to the period of its message's id, an attempt too, so that a message and all of its attempts are in two tables that belong
together; the key between those two is the one that was there. `core/retention/periods.sql` makes the periods after the first.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
oldest_code = "0004"
permits = {
    "renaming-table": "a table of the old name, with all that the release before uses, is there in the same transaction",
    "renaming-object": "an index of the old name stands over the renamed one, and nobody calls an index by its name",
    "transaction": "a run that was killed does what comes before the last transaction again, and it is the same",
    "code": "the trigger is there from the first transaction to the last, and is no part of our code",
}

# The first period ends after 40 days, or where an id is later (a clock was wrong), on the day after that. Until the tables have
# changed places the limit lets no later id in. It may be there for long, after a run that was killed and is not repeated, and no
# message is refused for that: a trigger gives one that is too late the last id before the limit, with the rest of its own.
_LIMIT = """DO $$
    DECLARE
        v_last uuid;
        v_milliseconds bigint;
        v_end uuid;
        v_before text;
        v_views text;
    BEGIN
        -- A view reads the table that it was made for, whatever that one is called: the first period alone, which could not go.
        SELECT string_agg(DISTINCT r.ev_class::regclass::text, ', ') INTO v_views
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid IN ('outbox'::regclass, 'sms_attempt'::regclass);
        IF v_views IS NOT NULL THEN
            RAISE EXCEPTION 'views read messages, which get other tables; drop them, and make them again afterwards: %', v_views;
        END IF;
        -- A limit that was left behind is as old as the run that was killed.
        ALTER TABLE outbox DROP CONSTRAINT IF EXISTS ck_outbox_first_period;
        ALTER TABLE sms_attempt DROP CONSTRAINT IF EXISTS ck_sms_attempt_first_period;
        SELECT id INTO v_last FROM outbox ORDER BY id DESC LIMIT 1;
        v_milliseconds := ('x' || left(replace(coalesce(v_last, '00000000-0000-0000-0000-000000000000')::text, '-', ''), 12))
            ::bit(48)::bigint;
        v_milliseconds := least(1::bigint << 48, 86400000 + 86400000 *
            (greatest(extract(epoch FROM now() + interval '39 days')::bigint * 1000, v_milliseconds) / 86400000));
        v_end := CASE WHEN v_milliseconds = 1::bigint << 48 THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
            ELSE lpad(to_hex(v_milliseconds), 12, '0') || '70008000000000000000' END;
        v_before := lpad(to_hex(v_milliseconds - 1), 12, '0');
        CREATE OR REPLACE FUNCTION outbox_first_period() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
            'BEGIN NEW.id := (TG_ARGV[0] || substr(replace(NEW.id::text, ''-'', ''''), 13))::uuid; RETURN NEW; END';
        EXECUTE format('CREATE OR REPLACE TRIGGER first_period BEFORE INSERT ON outbox FOR EACH ROW '
            'WHEN (NEW.id >= %L) EXECUTE FUNCTION outbox_first_period(%L)', v_end, v_before);
        EXECUTE format('ALTER TABLE outbox ADD CONSTRAINT ck_outbox_first_period CHECK (id < %L) NOT VALID', v_end);
        EXECUTE format(
            'ALTER TABLE sms_attempt ADD CONSTRAINT ck_sms_attempt_first_period CHECK (outbox_id < %L) NOT VALID', v_end);
    END $$"""
_RENAMED = {
    "outbox": ("ix_outbox_waiting", "ix_outbox_turn", "ix_outbox_sending", "ix_outbox_phone"),
    "sms_attempt": ("uq_sms_attempt_outbox_id_number", "ix_sms_attempt_provider_id", "ix_sms_attempt_unnamed"),
}
_NEW = """
    CREATE TABLE outbox (LIKE outbox_first INCLUDING DEFAULTS INCLUDING COMMENTS, CONSTRAINT pk_outbox PRIMARY KEY (id))
        PARTITION BY RANGE (id);
    CREATE INDEX ix_outbox_waiting ON outbox (priority, created_at, id) WHERE status IN ('queued', 'unsure');
    CREATE INDEX ix_outbox_turn ON outbox (phone, priority, created_at, id) WHERE status IN ('queued', 'unsure');
    CREATE INDEX ix_outbox_sending ON outbox (phone) WHERE status = 'sending';
    CREATE INDEX ix_outbox_phone ON outbox (phone, created_at);
    CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;
    CREATE TABLE sms_attempt (LIKE sms_attempt_first INCLUDING DEFAULTS INCLUDING COMMENTS) PARTITION BY RANGE (outbox_id);
    CREATE UNIQUE INDEX uq_sms_attempt_outbox_id_number ON sms_attempt (outbox_id, number);
    CREATE INDEX ix_sms_attempt_provider_id ON sms_attempt (provider_id) WHERE provider_id IS NOT NULL;
    CREATE INDEX ix_sms_attempt_unnamed ON sms_attempt (phone) WHERE provider_id IS NULL;
    CREATE TABLE sms_attempt_default PARTITION OF sms_attempt (
        CONSTRAINT pk_sms_attempt_default PRIMARY KEY (id),
        CONSTRAINT fk_sms_attempt_default_outbox_id FOREIGN KEY (outbox_id) REFERENCES outbox_default (id)) DEFAULT"""
# The checks say that no row lies outside, so that none is looked at now. Everybody may do with the new tables what they might
# with the old ones, an operator's own logins too.
_ATTACH = """DO $$
    DECLARE
        v_table text;
        v_end text;
        v_right record;
    BEGIN
        DROP TRIGGER first_period ON outbox_first;
        DROP FUNCTION outbox_first_period();
        FOREACH v_table IN ARRAY ARRAY['outbox', 'sms_attempt'] LOOP
            SELECT substring(pg_get_constraintdef(oid) FROM '''([0-9a-f-]{36})''') INTO STRICT v_end
            FROM pg_constraint WHERE conname = format('ck_%s_first_period', v_table);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
                v_table, v_table || '_first', v_end);
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', v_table || '_first', format('ck_%s_first_period', v_table));
            FOR v_right IN
                SELECT a.privilege_type || coalesce(' (' || quote_ident(held.column_name) || ')', '') AS privilege,
                    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS grantee,
                    CASE WHEN a.is_grantable THEN 'WITH GRANT OPTION' ELSE '' END AS passing_on
                FROM pg_class c, LATERAL (
                    SELECT c.relacl AS rights, NULL::name AS column_name
                    UNION ALL SELECT attacl, attname FROM pg_attribute WHERE attrelid = c.oid
                ) AS held, aclexplode(held.rights) a
                WHERE c.oid = to_regclass(v_table || '_first') AND a.grantee <> c.relowner
            LOOP
                EXECUTE format('GRANT %s ON %I TO %s %s', v_right.privilege, v_table, v_right.grantee, v_right.passing_on);
            END LOOP;
        END LOOP;
    END $$"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(_LIMIT)
        # Both read their table through, beside those who write it.
        op.execute("ALTER TABLE outbox VALIDATE CONSTRAINT ck_outbox_first_period")
        op.execute("ALTER TABLE sms_attempt VALIDATE CONSTRAINT ck_sms_attempt_first_period")
    for table, indexes in _RENAMED.items():
        op.rename_table(table, f"{table}_first")
        for index in (f"pk_{table}", *indexes):
            op.execute(f"ALTER INDEX {index} RENAME TO {index.replace(table, f'{table}_first')}")
    for statement in _NEW.split(";"):
        op.execute(statement.strip())
    op.execute(_ATTACH)
