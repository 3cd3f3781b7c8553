"""The weights that made a sentence, so that no chapter mixes two voices."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An interrupted migration leaves the column on MariaDB.
    columns = sa.inspect(op.get_bind()).get_columns("job_sentences")
    if not any(column["name"] == "weights" for column in columns):
        op.add_column("job_sentences", sa.Column("weights", sa.String(32)))


def downgrade() -> None:
    op.drop_column("job_sentences", "weights")
