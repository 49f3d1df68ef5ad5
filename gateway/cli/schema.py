"""Whether the database and this release fit together, in one line where they do not."""

from sqlalchemy.exc import SQLAlchemyError

from core import migrations
from core.settings import Settings
from gateway.cli.command import Failure, first_line


def migrate(settings: Settings) -> str:
    """Answers the version that the database is at. Raises Failure."""
    try:
        return migrations.migrate(settings.database_url)
    except SQLAlchemyError as error:
        raise Failure(f"the database could not be migrated: {first_line(error)}") from error
    except (migrations.Blocked, migrations.TooNew) as error:
        raise Failure(f"the database could not be migrated: {error}") from error


def check(settings: Settings) -> None:
    """Raises Failure where this release may not run on the database."""
    try:
        with migrations.connected(settings.database_url) as connection:
            obstacle = migrations.find_obstacle(connection)
    except SQLAlchemyError as error:
        raise Failure(f"the database does not answer: {first_line(error)}") from error
    if obstacle is not None:
        raise Failure(obstacle)
