"""Count of the sentences of a job that could not be spoken."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An interrupted migration leaves the column on MariaDB.
    if "skipped" not in {
        column["name"] for column in sa.inspect(op.get_bind()).get_columns("jobs")
    }:
        op.add_column("jobs", sa.Column("skipped", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("jobs", "skipped")
