"""Runs by `Storage.migrate`, in process and under its lock; there is no alembic.ini.

A revision is written by hand in versions/. On MariaDB a statement that makes or changes a table
commits at once, so that a killed migration starts over in its middle: every step must be one that
may be repeated (`if_not_exists=True`), and a table's indexes stand in its `create_table`.
"""

from alembic import context

from gateway_service.storage.job_tables import JobRow

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=JobRow.metadata,  # which holds the other tables too
    transactional_ddl=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
