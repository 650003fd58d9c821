"""Claims that the engines of several machines keep in the journal, and a name of the journal itself."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables, and give the journal its name."""
    journal = op.create_table("journal", sa.Column("uuid", sa.String(36), primary_key=True))
    op.bulk_insert(journal, [{"uuid": str(uuid.uuid4())}])
    op.create_table(
        "claims",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("renewals", sa.Integer, nullable=False),
        sa.Column("lease_time", sa.Integer, nullable=False),
    )
