"""Alembic's environment, run by `Storage.migrate` under its lock. There is no alembic.ini.

Revisions in versions/ are written by hand. MariaDB commits each statement that creates or alters a
table at once, so a killed migration resumes in the middle. Every step must therefore be repeatable
(`if_not_exists=True`), and a table's indexes belong in its `create_table`.
"""

from alembic import context

from gateway_service.storage.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transactional_ddl=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
