"""When an instance is checked once more, because a request of ours may have been carried out late."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the column."""
    op.add_column("vmoves", sa.Column("recheck_at", MOMENT))
