"""Chapters that a job takes over from an earlier one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list[sa.Column[Any]]]:
    return {
        "jobs": [sa.Column("from_job", sa.String(32))],
        "job_chapters": [sa.Column("digest", sa.String(64)), sa.Column("source", sa.Integer)],
    }


def upgrade() -> None:
    # An interrupted migration leaves the columns on MariaDB.
    for table, columns in _columns().items():
        existing = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
        for column in columns:
            if column.name not in existing:
                op.add_column(table, column)


def downgrade() -> None:
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
