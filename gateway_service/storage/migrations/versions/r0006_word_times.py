"""Word times of jobs, for captions."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list[sa.Column[Any]]]:
    text = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
    return {
        "jobs": [sa.Column("timestamps", sa.Integer, nullable=False, server_default="0")],
        "job_sentences": [sa.Column("words", text), sa.Column("samples", sa.Integer)],
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
