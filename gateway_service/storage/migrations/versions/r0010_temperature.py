"""Temperature of a job's vocoder."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An interrupted migration leaves the column on MariaDB.
    existing = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("jobs")}
    if "temperature" not in existing:
        column = sa.Column("temperature", sa.Double, nullable=False, server_default="1")
        op.add_column("jobs", column)


def downgrade() -> None:
    op.drop_column("jobs", "temperature")
