"""Several engines and further tries: who owns a recovery, and when what failed is tried again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the columns; an ``error`` of the release before was final, and what is final is ``failed`` now."""
    op.add_column("notifications", sa.Column("owner", sa.String(255)))
    op.add_column("notifications", sa.Column("retry_at", MOMENT))
    op.add_column("notifications", sa.Column("service_updated_at", sa.String(64)))
    op.execute("UPDATE notifications SET status = 'failed' WHERE status = 'error'")
    op.add_column("vmoves", sa.Column("retry_at", MOMENT))
