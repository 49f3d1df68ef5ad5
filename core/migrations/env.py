"""Alembic's entry: brings the connection that `core.migrations.migrate` hands over to the newest version."""

from alembic import context

from core.migrations.contract import keep_oldest
from core.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
    on_version_apply=keep_oldest,
)
with context.begin_transaction():
    context.run_migrations()
