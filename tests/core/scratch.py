"""The versions of a release that is not there yet: ours, and one more that a test writes."""

import shutil
from pathlib import Path

from core import migrations

NUMBER = "9000"


def versions_with(folder: Path, upgrade: str, oldest_code: str | None = None, *, more: str = "") -> Path:
    """A folder of versions for `migrate`. `upgrade`: the lines of the scratch version's function. `more`: stands before it.

    Our own code may run on what the scratch version makes, unless `oldest_code` says something else.
    """
    made = folder / "versions"
    shutil.copytree(migrations.VERSIONS, made, ignore=shutil.ignore_patterns("__pycache__"))
    add_version(made, NUMBER, migrations.newest(), upgrade, oldest_code or migrations.newest(), more=more)
    return made


def add_version(folder: Path, number: str, after: str, upgrade: str, oldest_code: str, *, more: str = "") -> None:
    lines = "\n".join(f"    {line}" for line in upgrade.splitlines())
    (folder / f"{number}_scratch.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\nfrom core.migrations.indexes import build_concurrently\n\n"
        f"revision = '{number}'\ndown_revision = '{after}'\noldest_code = '{oldest_code}'\n{more}\n\n"
        f"def upgrade() -> None:\n{lines}\n"
    )
