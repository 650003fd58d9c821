"""A number that grows with each owner of a recovery, and why something ended as it did, as a code."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# releases before wrote into the message when a recovery is retried
_RETRIED_AT = re.compile(r"[,;] tried again at [0-9: -]+ UTC")


def upgrade() -> None:
    """Add the columns, and keep the time of a retry in its own column alone."""
    op.add_column("notifications", sa.Column("generation", sa.Integer(), nullable=False, server_default="0"))
    for name in ("notifications", "vmoves"):
        op.add_column(name, sa.Column("reason", sa.String(64), nullable=False, server_default=""))
    table = sa.table("notifications", sa.column("id"), sa.column("message"), sa.column("retry_at"))
    connection = op.get_bind()
    query = sa.select(table.c.id, table.c.message).where(table.c.retry_at.is_not(None))
    for row in connection.execute(query).all():
        message = _RETRIED_AT.sub("", row.message)
        connection.execute(sa.update(table).where(table.c.id == row.id).values(message=message))
