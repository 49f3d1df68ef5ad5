-- What the application may do. It may read everything and write the journal only through `ledger_post`, which runs as the
-- tables' owner. Applied, like the functions, at the end of every `jasho migrate`.

DO $$
BEGIN
    CREATE ROLE jasho_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole server: another database of it has made this one
END
$$;

DO $$ BEGIN EXECUTE format('GRANT jasho_app TO %I', current_user); END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM jasho_app;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, jasho_app;
GRANT USAGE ON SCHEMA public TO jasho_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO jasho_app;
GRANT INSERT, UPDATE ON customer, pin, outbox, one_time_code, attempt, invitation, agent, agent_day, approval, payment, goal, job,
    application, review, policy, claim TO jasho_app;
GRANT INSERT ON chore, float_trade TO jasho_app;
GRANT INSERT, UPDATE ON sms_inbound, sms_order, sms_attempt, sms_provider, sms_report, opt_out TO jasho_app;
GRANT INSERT ON reversal, exchange TO jasho_app;
GRANT INSERT (id, owner, kind, currency, tier, floor, created_at), UPDATE (status, tier) ON account TO jasho_app;
GRANT EXECUTE ON FUNCTION ledger_post, money_text, ledger_seal, ledger_leaf, ledger_digest TO jasho_app;

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: a mistake is mended by a new transfer', TG_TABLE_NAME;
END
$$;

DO $$
DECLARE
    journal text;
BEGIN
    FOREACH journal IN ARRAY ARRAY['transfer', 'posting', 'hold_leg', 'reversal', 'exchange', 'seal'] LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', journal);
    END LOOP;
END
$$;
CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE OR TRUNCATE ON account
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
