"""The lint of migrations finds what would stop, or break, the release before. A new version is looked at here."""

from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory

from core import migrations
from core.settings import Settings
from tests.core import expansion
from tests.core.scratch import NUMBER, add_version, versions_with

pytestmark = pytest.mark.system

AUTOCOMMIT = "with op.get_context().autocommit_block():\n    "
NEWEST = migrations.newest()
LEDGER_POST = (
    *("timestamp with time zone", "date", "uuid[]", "uuid[]", "integer[]", "text[]", "bigint[]", "text[]", "bigint[]"),
    *("integer[]", "integer[]", "integer[]", "bigint[]", "integer[]", "timestamp with time zone[]", "uuid[]", "uuid[]"),
    *("boolean[]", "jsonb", "jsonb"),
)
# What functions take. One whose arguments change gets a new name (ledger_post_2) beside the old, which goes in a later release:
# two of one name are not told apart by whoever calls or grants them.
RELEASED = {
    "ledger_digest(bigint,bigint,bigint,integer,bytea,bytea)",
    "ledger_add_era(timestamp with time zone)",
    "ledger_begin_era(timestamp with time zone)",
    "ledger_era(timestamp with time zone)",
    "ledger_era_beyond_seals(timestamp with time zone)",
    "ledger_exceeds(uuid,uuid,uuid[],bigint[])",
    "ledger_leaf(transfer)",
    "ledger_leaf_1(transfer)",
    "ledger_leaves(integer,bigint,bigint,uuid)",
    "ledger_passed_holds(uuid[])",
    f"ledger_post({','.join(LEDGER_POST)})",
    f"ledger_post_2({','.join(LEDGER_POST)},integer)",
    "ledger_seal(timestamp with time zone,integer)",
    "ledger_seal_2(timestamp with time zone,integer,integer,interval)",
    "money_text(bigint,text)",
    "period_day(uuid)",
    "period_drop(timestamp with time zone)",
    "period_first_id(date)",
    "period_is_due(text)",
    "period_is_in_use(text,timestamp with time zone)",
    "period_list()",
    "period_lock(text,text[])",
    "period_make(timestamp with time zone,integer)",
    "period_make_tables(date,date)",
    "refuse_change()",
}


def oldest() -> str:
    """Which code may run on the newest schema, as its version says."""
    script = ScriptDirectory.from_config(migrations.configuration(None)).get_revision(NEWEST)
    return str(script.module.oldest_code)


def rules(folder: Path) -> set[str]:
    """The rules that the scratch version breaks."""
    return {finding.removeprefix(f"{NUMBER} ").partition(":")[0] for finding in expansion.findings(folder)}


def sql(statement: str) -> str:
    return f'op.execute("{statement}")'


def test_the_versions_of_the_service_let_the_release_before_serve() -> None:
    assert expansion.findings() == []


@pytest.mark.parametrize(
    ("upgrade", "rule"),
    [
        ("op.drop_table('goal')", "ban-drop-table"),
        ("op.drop_column('goal', 'rule')", "ban-drop-column"),
        (sql("DROP FUNCTION money_text(bigint, text)"), "ban-drop-function"),
        ("op.alter_column('goal', 'rule', new_column_name='law')", "renaming-column"),
        ("op.rename_table('goal', 'aim')", "renaming-table"),
        ("op.alter_column('goal', 'amount', type_=sa.Numeric())", "changing-column-type"),
        ("op.alter_column('goal', 'rule', nullable=False)", "adding-not-nullable-field"),
        ("op.add_column('goal', sa.Column('note', sa.Text(), nullable=False))", "adding-required-field"),
        ("op.create_index('ix_goal_rule', 'goal', ['rule'])", "require-concurrent-index-creation"),
        ("op.drop_index('ix_goal_customer_id')", "require-concurrent-index-deletion"),
        ("op.create_check_constraint('ck_goal_new', 'goal', 'amount > 0')", "constraint-missing-not-valid"),
        ("op.create_foreign_key('fk_goal_new', 'goal', 'customer', ['id'], ['id'])", "adding-foreign-key-constraint"),
        ("op.create_unique_constraint('uq_goal_new', 'goal', ['rule'])", "disallowed-unique-constraint"),
        (sql("UPDATE goal SET rule = 'x'"), "rows"),
        (sql("UPDATE ONLY goal g SET rule = 'x' WHERE true"), "rows"),
        (sql("WITH gone AS (DELETE FROM goal RETURNING 1) SELECT 1 FROM gone"), "rows"),
        (sql("DO $$ BEGIN UPDATE goal SET rule = 'x'; END $$"), "rows"),
        (sql("TRUNCATE goal"), "rows"),
        (sql("CREATE TABLE public.note (id int)") + "\n" + sql("UPDATE public.goal SET rule = 'x'"), "rows"),
        (sql("LOCK TABLE goal"), "locks"),
        (sql("REINDEX TABLE goal"), "locks"),
        (sql("CREATE FUNCTION ledger_post(p_at date) RETURNS int LANGUAGE sql AS 'SELECT 1'"), "code"),
        (sql("CREATE OR REPLACE TRIGGER x BEFORE UPDATE ON goal EXECUTE FUNCTION refuse_change()"), "code"),
        (sql("GRANT DELETE ON goal TO jasho_app"), "code"),
        (
            AUTOCOMMIT + "op.create_index('ix_goal_rule', 'goal', ['rule'], postgresql_concurrently=True, if_not_exists=True)",
            "concurrently",
        ),
        (
            "op.add_column('goal', sa.Column('note', sa.Text()))\nbuild_concurrently('ix_goal_note', 'goal', ['note'])",
            "transaction",
        ),
        ("op.get_bind().scalar(sa.text('SELECT 1')).rows()", "unreadable"),
    ],
)
def test_a_version_that_stops_or_breaks_the_release_before_is_found(tmp_path: Path, upgrade: str, rule: str) -> None:
    assert rule in rules(versions_with(tmp_path, upgrade, oldest()))


@pytest.mark.parametrize(
    "upgrade",
    [
        "op.add_column('goal', sa.Column('note', sa.Text(), nullable=True))",
        "op.add_column('goal', sa.Column('note', sa.Text(), nullable=False, server_default='UPDATE goal SET'))",
        "op.create_table('note', sa.Column('id', sa.Integer()))\nop.create_index('ix_note_id', 'note', ['id'])\n"
        + sql("UPDATE note SET id = 1"),
        "op.create_check_constraint('ck_goal_new', 'goal', 'amount > 0', postgresql_not_valid=True)",
        "build_concurrently('ix_goal_rule', 'goal', ['rule'])\nbuild_concurrently('ix_goal_amount', 'goal', ['amount'])",
        AUTOCOMMIT + sql("ALTER TABLE goal VALIDATE CONSTRAINT ck_goal_new"),
    ],
)
def test_a_version_that_only_adds_is_let_through(tmp_path: Path, upgrade: str) -> None:
    assert rules(versions_with(tmp_path, upgrade, oldest())) == set()


def test_a_column_that_must_be_filled_is_let_through_after_a_check_that_was_validated(tmp_path: Path) -> None:
    lines = [
        "ALTER TABLE goal ADD CONSTRAINT ck_goal_rule CHECK (rule IS NOT NULL) NOT VALID",
        "ALTER TABLE goal VALIDATE CONSTRAINT ck_goal_rule",
        "ALTER TABLE goal ALTER rule SET NOT NULL",
    ]
    folder = versions_with(tmp_path, "\n".join(sql(line) for line in lines), oldest())
    assert "adding-not-nullable-field" not in rules(folder)


def test_a_version_may_take_away_what_it_says_no_running_code_reads(tmp_path: Path) -> None:
    assert rules(versions_with(tmp_path, "op.drop_column('goal', 'rule')", NEWEST)) == set()


def test_a_reason_permits_one_rule_and_no_other_and_an_idle_one_is_found(tmp_path: Path) -> None:
    upgrade = "op.drop_column('goal', 'rule')\nop.create_index('ix_goal_amount', 'goal', ['amount'])"
    permits = "permits = {'require-concurrent-index-creation': 'a table of ten rows', 'rows': 'none'}"
    assert rules(versions_with(tmp_path, upgrade, oldest(), more=permits)) == {"ban-drop-column", "permits"}


@pytest.mark.parametrize("oldest_code", ["", "0003", "9999", "soon"])
def test_a_version_that_does_not_say_which_code_may_run_is_found(tmp_path: Path, oldest_code: str) -> None:
    folder = versions_with(tmp_path, "pass")
    add_version(folder, NUMBER, NEWEST, "pass", oldest_code)
    assert rules(folder) == {"contract"}


def test_two_versions_after_one_and_a_file_by_another_name_are_found(tmp_path: Path) -> None:
    folder = versions_with(tmp_path, "pass", oldest())
    add_version(folder, "9001", NEWEST, "pass", oldest())
    assert "order" in " ".join(expansion.findings(folder))
    (folder / "9001_scratch.py").unlink()
    (folder / f"{NUMBER}_scratch.py").rename(folder / "next.py")
    assert rules(folder) == {"order"}


def test_a_function_whose_arguments_change_gets_a_new_name(settings: Settings) -> None:
    with psycopg.connect(settings.database_url) as connection:
        present = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS"
            " (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')"
        ).fetchall()
    assert {signature for (signature,) in present} == RELEASED
    names = [signature.partition("(")[0] for signature in RELEASED]
    assert len(names) == len(set(names))
