"""What Alembic runs for each upgrade: the steps, on the connection and in the transaction that `migration` gives it."""

from __future__ import annotations

from alembic import context

from gatepost.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    # The steps name constraints by its convention.
    target_metadata=metadata,
    # Without it Alembic would hold that SQLite cannot undo a change of the schema.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
