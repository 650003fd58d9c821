"""Indexes, so that what is asked of a journal of many years takes no longer than of a new one."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add them."""
    op.create_index("notifications_updated_at_idx", "notifications", ["updated_at"])
    op.create_index("vmoves_source_host_idx", "vmoves", ["source_host"])
    op.create_index("vmoves_locked_by_us_idx", "vmoves", ["locked_by_us"])
    op.create_index("vmoves_recheck_at_idx", "vmoves", ["recheck_at"])
