"""When a notification came by Nova's clock, to be compared with Nova's times."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the column, and an index by which duplicates are found."""
    op.add_column("notifications", sa.Column("arrived_at", MOMENT))
    op.create_index("notifications_hostname_idx", "notifications", ["hostname"])
