"""Whether the database and this release fit together, in one line where they do not."""

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from core import migrations
from core.migrations import logins
from core.settings import Settings
from gateway.cli.command import Failure, first_line


def migrate(settings: Settings) -> str:
    """As the owner. Answers the version that the database is at. Where the service has a login of its own, it is made too.

    Raises Failure.
    """
    try:
        version = migrations.migrate(settings.owner_database_url)
        if settings.migrate_database_url:
            logins.align(settings.migrate_database_url, settings.database_url)
    except (SQLAlchemyError, psycopg.Error) as error:
        raise Failure(f"the database could not be migrated: {first_line(error)}") from error
    except (migrations.Blocked, migrations.TooNew, migrations.AtWork, logins.NoLogin) as error:
        raise Failure(f"the database could not be migrated: {error}") from error
    return version


def check(settings: Settings) -> None:
    """Raises Failure where this release may not run on the database."""
    try:
        with migrations.connected(settings.database_url) as connection:
            obstacle = migrations.find_obstacle(connection)
    except SQLAlchemyError as error:
        raise Failure(f"the database does not answer: {first_line(error)}") from error
    if obstacle is not None:
        raise Failure(obstacle)
