"""What the application's role may do: `grants.sql`, compared right by right with what the database has."""

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from core.db import APPLICATION_ROLE
from core.migrations.files import read_statements, run

FILE = Path(__file__).parent / "grants.sql"

_GRANT = re.compile(rf"GRANT (?P<privileges>.+?) ON (?P<kind>(?:FUNCTION|SCHEMA) )?(?P<objects>.+) TO {APPLICATION_ROLE}")
_ALL_TABLES = "ALL TABLES IN SCHEMA public"
# A name, with columns or types of arguments where it has some.
_ITEM = re.compile(r"(\w+)(?: ?\(([^)]*)\))?")

_TABLES = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'f', 'p')"
    " AND NOT relispartition"
)
# A function may be called by everybody from birth on, which the code does not want. Those of extensions are not ours. Databases
# from before PostgreSQL 15 let everybody make functions, which the ledger's own would call in the owner's name.
_PRESENT = text("""
    SELECT 'TABLE ' || c.relname, a.privilege_type, NULL, a.grantee = 0
    FROM pg_class c, aclexplode(c.relacl) a
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
        AND a.grantee = CAST(:role AS regrole)
    UNION ALL
    SELECT 'TABLE ' || c.relname, a.privilege_type, t.attname, a.grantee = 0
    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
    WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = CAST(:role AS regrole)
    UNION ALL
    SELECT 'FUNCTION ' || p.oid::regprocedure, a.privilege_type, NULL, a.grantee = 0
    FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'p' AND a.grantee IN (0, CAST(:role AS regrole))
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')
    UNION ALL
    SELECT 'SCHEMA public', a.privilege_type, NULL, false
    FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'public' AND a.grantee = CAST(:role AS regrole)
    UNION ALL
    SELECT 'SCHEMA public', 'CREATE', NULL, true
    FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE'
""")


@dataclass(frozen=True, slots=True)
class Right:
    """To do one thing with one object: `INSERT` on `TABLE account`, perhaps in one column."""

    target: str
    privilege: str
    column: str | None = None
    is_everybodys: bool = False

    def grant(self) -> str:
        return f"GRANT {self._what()} TO {APPLICATION_ROLE}"

    def revoke(self) -> str:
        return f"REVOKE {self._what()} FROM {'PUBLIC' if self.is_everybodys else APPLICATION_ROLE}"

    def _what(self) -> str:
        return f"{self.privilege}{f' ({self.column})' if self.column else ''} ON {self.target}"


def make_role(connection: Connection) -> None:
    """Roles belong to the whole server: another database of it may have made this one, perhaps in this moment."""
    if not connection.scalar(text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)"), {"role": APPLICATION_ROLE}):
        run(
            connection,
            f"DO $$ BEGIN CREATE ROLE {APPLICATION_ROLE} NOLOGIN; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        )
    if not connection.scalar(text("SELECT pg_has_role(current_user, :role, 'SET')"), {"role": APPLICATION_ROLE}):
        run(connection, f"GRANT {APPLICATION_ROLE} TO CURRENT_USER")


def align(connection: Connection, file: Path = FILE) -> None:
    """Grants what the file has and the database has not, and revokes the opposite. Where they agree, nothing is touched."""
    tables = list(connection.scalars(_TABLES))
    wanted = {
        _as_database_says(connection, right) for statement in read_statements(file) for right in read_grant(statement, tables)
    }
    for right in sorted(_present(connection) - wanted, key=str):
        run(connection, right.revoke())
    # Read again: with a right in a whole table PostgreSQL takes those in its columns.
    for right in sorted(wanted - _present(connection), key=str):
        run(connection, right.grant())


def _present(connection: Connection) -> set[Right]:
    return {Right(*row) for row in connection.execute(_PRESENT, {"role": APPLICATION_ROLE})}


def read_grant(statement: str, tables: list[str]) -> list[Right]:
    """The rights that a statement gives. `tables`: those that ALL TABLES means. Raises ValueError for what is no such GRANT."""
    match = _GRANT.fullmatch(statement)
    if match is None:
        raise ValueError(f"grants.sql has a statement that cannot be compared: {statement}")
    kind = (match["kind"] or "TABLE ").strip()
    names = tables if match["objects"] == _ALL_TABLES else [item[0] for item in _ITEM.finditer(match["objects"])]
    return [
        Right(f"{kind} {name}", privilege, column or None)
        for privilege, columns in _ITEM.findall(match["privileges"])
        for column in columns.split(", ")
        for name in names
    ]


def _as_database_says(connection: Connection, right: Right) -> Right:
    """A function's arguments may be written in several ways; the database has one. One that is not there stays as it is."""
    kind, _, name = right.target.partition(" ")
    if kind != "FUNCTION":
        return right
    signature = connection.scalar(text("SELECT CAST(to_regprocedure(:name) AS text)"), {"name": name})
    return Right(f"FUNCTION {signature or name}", right.privilege)
