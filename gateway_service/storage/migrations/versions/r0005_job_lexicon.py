"""Lexicon of a job."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # An interrupted migration leaves the column on MariaDB.
    existing = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("jobs")}
    if "lexicon" not in existing:
        text = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
        op.add_column("jobs", sa.Column("lexicon", text))


def downgrade() -> None:
    op.drop_column("jobs", "lexicon")
