"""The versions of a release that is not there yet: ours, and one more that a test writes."""

import shutil
from pathlib import Path

from core import migrations

NUMBER = "9000"


def versions_with(folder: Path, upgrade: str, oldest_code: str = "0005") -> Path:
    """A folder of versions for `migrate`. `upgrade`: the lines of the scratch version's function."""
    made = folder / "versions"
    shutil.copytree(migrations.VERSIONS, made, ignore=shutil.ignore_patterns("__pycache__"))
    lines = "\n".join(f"    {line}" for line in upgrade.splitlines())
    (made / f"{NUMBER}_scratch.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = '{NUMBER}'\ndown_revision = '{migrations.newest()}'\noldest_code = '{oldest_code}'\n\n\n"
        f"def upgrade() -> None:\n{lines}\n"
    )
    return made
