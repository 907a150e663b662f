"""Where Alembic meets our connection: the runner (`postgres/migrator.py`) hands both over."""

from alembic import context
from sqlalchemy import Connection, MetaData

from muniment.postgres.migrator import is_ours

connection = context.config.attributes["connection"]
metadata = context.config.attributes["metadata"]
if not isinstance(connection, Connection) or not isinstance(metadata, MetaData):
    raise SystemExit("Migrations run through `muniment migrate`, which opens the connection.")

context.configure(
    connection=connection,
    target_metadata=metadata,
    transaction_per_migration=True,
    compare_type=True,
    compare_server_default=False,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
