"""Books and chapters of jobs, several voices in a text, and the estimates of time and space."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB, MEDIUMTEXT

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list[sa.Column[Any]]]:
    text = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
    return {
        "jobs": [
            sa.Column("voices", text),
            sa.Column("spent_ms", sa.BigInteger, nullable=False, server_default="0"),
            sa.Column("disk_bytes", sa.BigInteger, nullable=False, server_default="0"),
        ],
        "job_sentences": [sa.Column("voice", sa.Integer)],
    }


def upgrade() -> None:
    # An interrupted migration leaves the columns on MariaDB.
    for table, columns in _columns().items():
        existing = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
        for column in columns:
            if column.name not in existing:
                op.add_column(table, column)
    op.create_table(
        "job_books",
        _job_id(),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("cover", sa.LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )
    op.create_table(
        "job_chapters",
        _job_id(),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("sentences", sa.Integer, nullable=False),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def _job_id() -> sa.Column[str]:
    return sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True)


def downgrade() -> None:
    op.drop_table("job_chapters")
    op.drop_table("job_books")
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)
