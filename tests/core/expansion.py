"""The lint of migrations: what a version may not do while the release before it serves.

A version is written as SQL, without a database, and read by squawk and by rules of our own. `jasho migrate` sets the time-out
for locks itself, so squawk's rules about that are left out, and those about taste.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory

from core import migrations

# Came before the rules, when no release was in use.
SETTLED = "0004"
SERVER = "18"
_SQUAWK = Path(sys.executable).parent / "squawk"
_LEFT_OUT = (
    *("require-lock-timeout", "require-statement-timeout", "require-timeout-settings", "prefer-robust-stmts"),
    *("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-text-field", "prefer-identity", "prefer-timestamptz"),
)
# The release before may still read it. A version that does one of these says, by a later `oldest_code`, that it is gone.
TAKES_AWAY = {
    *("ban-drop-table", "ban-drop-column", "ban-drop-function", "ban-drop-view", "ban-drop-type", "ban-drop-default"),
    *("ban-drop-constraint", "ban-drop-trigger", "renaming-table", "renaming-column"),
}
_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.py")
_CHANGES_ROWS = re.compile(
    r"\b(?:UPDATE (?:ONLY )?(?!SET\b|ON\b|OF\b|ONLY\b)|DELETE FROM (?:ONLY )?|TRUNCATE (?:TABLE )?|MERGE INTO )"
    r"(?:public\.)?\"?(\w+)",
    re.IGNORECASE,
)
_STOPS_EVERYBODY = re.compile(r"\b(?:LOCK TABLE|VACUUM \(?FULL|CLUSTER \w|REINDEX (?!.*CONCURRENTLY))", re.IGNORECASE)
_MAKES_TABLE = re.compile(r"\bCREATE TABLE (?:IF NOT EXISTS )?(?:public\.)?\"?(\w+)", re.IGNORECASE)
_IS_CODE = re.compile(r"\bCREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|TRIGGER)\b|\bGRANT \w|\bREVOKE \w", re.IGNORECASE)


def findings(folder: Path = migrations.VERSIONS) -> list[str]:
    """Every finding in the versions of a folder: `0006 rule: why`."""
    scripts = sorted(
        ScriptDirectory.from_config(migrations.configuration(None, folder)).walk_revisions(), key=lambda script: script.revision
    )
    found = order_findings(scripts)
    oldest = "0000"
    for script in scripts:
        if script.revision > SETTLED:
            found += [f"{script.revision} {finding}" for finding in _unexcused(script, oldest)]
            oldest = max(oldest, str(getattr(script.module, "oldest_code", "")))
    return found


def order_findings(scripts: Sequence[Script]) -> list[str]:
    """Versions stand in one line, in the order of their numbers, and a file is called by its number."""
    found = [
        f"{script.revision} order: its file is called {Path(script.path).name}"
        for script in scripts
        if (name := _FILE.fullmatch(Path(script.path).name)) is None or name[1] != script.revision
    ]
    return found + [
        f"{script.revision} order: it comes after {previous.revision}, and says {script.down_revision}"
        for previous, script in pairwise(scripts)
        if script.down_revision != previous.revision
    ]


def _unexcused(script: Script, oldest_before: str) -> list[str]:
    """What the version itself does not permit by a reason, in `permits = {"rule": "reason"}`; and permits that permit nothing."""
    permits: dict[str, str] = getattr(script.module, "permits", {})
    all_found = _findings_of(script, oldest_before)
    rules = {finding.partition(":")[0] for finding in all_found}
    return [
        *(finding for finding in all_found if not permits.get(finding.partition(":")[0])),
        *(f"permits: nothing to permit for {rule}" for rule in permits.keys() - rules),
    ]


def _findings_of(script: Script, oldest_before: str) -> list[str]:
    oldest = str(getattr(script.module, "oldest_code", ""))
    found = [] if re.fullmatch(r"\d{4}", oldest) else ["contract: it does not say in `oldest_code` which code still runs on it"]
    if not oldest_before <= oldest <= script.revision:
        found.append(f"contract: oldest_code {oldest} lies before {oldest_before} or after the version itself")
    try:
        sql = written(script)
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody can read the version
        return [*found, f"unreadable: it cannot be written as SQL without a database: {type(error).__name__}"]
    is_contraction = oldest > oldest_before > "0000"
    found += [f"{rule}: {why}" for rule, why in squawk(sql) if not (is_contraction and rule in TAKES_AWAY)]
    return found + list(_own_findings(sql, Path(script.path).read_text()))


def written(script: Script) -> str:
    """The version's statements, as it would send them."""
    output = StringIO()
    options: dict[str, Any] = {"as_sql": True, "output_buffer": output, "transaction_per_migration": True}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context), context.begin_transaction(_per_migration=True):
        script.module.upgrade()
    return output.getvalue()


def squawk(sql: str) -> list[tuple[str, str]]:
    """The rules that it finds broken, each with its reason."""
    done = subprocess.run(
        [_SQUAWK, "--reporter", "json", "--pg-version", SERVER, *(f"--exclude={rule}" for rule in _LEFT_OUT)],
        input=sql,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return [(found["rule_name"], found["message"]) for found in json.loads(done.stdout or "[]")]


def _own_findings(sql: str, source: str) -> Iterable[str]:
    bare = re.sub(r"\s+", " ", re.sub(r"'(?:[^']|'')*'", "''", sql))
    made = {name.lower() for name in _MAKES_TABLE.findall(bare)}
    for table in _CHANGES_ROWS.findall(bare):
        if table.lower() not in made:
            yield f"rows: it changes rows of {table} in one transaction, which others wait for: leave it to a duty, in pieces"
    if _IS_CODE.search(bare):
        yield "code: functions, triggers and rights stand in files that every run compares; a version may only drop old ones"
    if _STOPS_EVERYBODY.search(bare):
        yield "locks: it keeps everybody out for as long as it takes"
    if re.search("concurrently", source.replace("build_concurrently", ""), re.IGNORECASE):
        yield "concurrently: only build_concurrently finds an index that a killed run has left half built"
    transactions = re.findall(r"BEGIN;(.*?)COMMIT;", sql, re.DOTALL)
    if len(transactions) > 1 and any(inside.strip() for inside in transactions):
        yield "transaction: it leaves its transaction and does something else too, which another run would do again"
