"""Tables of jobs and their sentences."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("voice", sa.String(80), nullable=False),
        sa.Column("embed", sa.LargeBinary(1024), nullable=False),
        sa.Column("response_format", sa.String(8), nullable=False),
        sa.Column("speed", sa.Double, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("preview", sa.String(80), nullable=False),
        sa.Column("sentences", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("owner", sa.String(32)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.Text),
        sa.UniqueConstraint("due_at", "id", name="jobs_due"),
        sa.UniqueConstraint("created_at", "id", name="jobs_created"),
        sa.UniqueConstraint("expires_at", "id", name="jobs_expiring"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )
    op.create_table(
        "job_sentences",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("pause", sa.Double, nullable=False),
        sa.Column("sound", sa.LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("job_sentences")
    op.drop_table("jobs")
