-- What the application may do. It may read everything and write the journal only through `ledger_post`, which runs as the
-- tables' owner. At the end of every `jasho migrate` the database is compared with these statements: what is missing is
-- granted, what is not written here is revoked.
--
-- A function is named with the types of its arguments. While two versions of one are in use, each has its line.

GRANT USAGE ON SCHEMA public TO jasho_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO jasho_app;
GRANT INSERT, UPDATE ON customer, pin, outbox, one_time_code, attempt, invitation, agent, agent_day, approval, payment, goal, job,
    application, review, policy, claim TO jasho_app;
GRANT INSERT ON chore, float_trade, canary TO jasho_app;
GRANT INSERT, UPDATE, DELETE ON heartbeat TO jasho_app;
GRANT INSERT, UPDATE ON sms_inbound, sms_aside, sms_order, sms_attempt, sms_provider, sms_report, opt_out TO jasho_app;
-- core/retention/keeping.py. It takes nothing that an UPDATE of the same rows could not take; of the journal, of approvals and of chores
-- nothing is ever deleted.
GRANT DELETE ON outbox, sms_attempt, sms_report, sms_inbound, sms_aside, sms_order, one_time_code, attempt TO jasho_app;
GRANT INSERT ON switch_change, banner_change TO jasho_app;
GRANT INSERT ON reversal, exchange TO jasho_app;
GRANT INSERT (id, owner, kind, currency, tier, floor, created_at), UPDATE (status, tier) ON account TO jasho_app;
GRANT EXECUTE ON FUNCTION ledger_post_2(
    timestamptz, date, uuid[], uuid[], int[], text[], bigint[], text[], bigint[], int[], int[], int[], bigint[], int[],
    timestamptz[], uuid[], uuid[], boolean[], jsonb, jsonb, int) TO jasho_app;
GRANT EXECUTE ON FUNCTION ledger_post(
    timestamptz, date, uuid[], uuid[], int[], text[], bigint[], text[], bigint[], int[], int[], int[], bigint[], int[],
    timestamptz[], uuid[], uuid[], boolean[], jsonb, jsonb) TO jasho_app;
GRANT EXECUTE ON FUNCTION money_text(bigint, text), ledger_seal(timestamptz, int), ledger_leaf(transfer),
    ledger_leaf_1(transfer), ledger_leaves(int, bigint, bigint, uuid), ledger_seal_2(timestamptz, int, int, interval),
    ledger_digest(bigint, bigint, bigint, int, bytea, bytea) TO jasho_app;
GRANT EXECUTE ON FUNCTION period_make(timestamptz, int), period_drop(timestamptz) TO jasho_app;
