"""Encoded files of jobs, and their callers.

Completed jobs return to the queue, where a worker encodes their sound.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("caller", sa.String(64), nullable=False, server_default=""),
        sa.Column("served_at", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("sound_bytes", sa.BigInteger),
        sa.Column("sound_sha256", sa.String(64)),
    ]


def upgrade() -> None:
    # An interrupted migration leaves the columns on MariaDB.
    existing = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("jobs")}
    for column in _columns():
        if column.name not in existing:
            op.add_column("jobs", column)
    op.create_table(
        "job_sounds",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column(
            "data",
            sa.LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb"),
            nullable=False,
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )
    op.execute(
        "UPDATE jobs SET status = 'queued', due_at = created_at, expires_at = NULL "
        "WHERE status = 'completed' AND sound_bytes IS NULL"
    )


def downgrade() -> None:
    op.drop_table("job_sounds")
    for column in reversed(_columns()):
        op.drop_column("jobs", column.name)
