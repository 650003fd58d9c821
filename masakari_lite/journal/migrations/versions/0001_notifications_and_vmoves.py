"""The first tables: notifications and vmoves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Create both tables."""
    _create_notifications()
    _create_vmoves()


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("notification_uuid", sa.String(36), nullable=False),
        sa.Column("type", sa.String(36), nullable=False),
        sa.Column("hostname", sa.String(255), nullable=False),
        sa.Column("generated_time", MOMENT, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("status", sa.String(36), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.UniqueConstraint("notification_uuid", name="uniq_notifications0notification_uuid"),
        sa.Index("notifications_status_idx", "status"),
        mysql_charset="utf8mb4",
    )


def _create_vmoves() -> None:
    op.create_table(
        "vmoves",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "notification_uuid",
            sa.String(36),
            sa.ForeignKey("notifications.notification_uuid", name="fk_vmoves0notification_uuid"),
            nullable=False,
        ),
        sa.Column("instance_uuid", sa.String(36), nullable=False),
        sa.Column("instance_name", sa.String(255), nullable=False),
        sa.Column("source_host", sa.String(255), nullable=False),
        sa.Column("dest_host", sa.String(255)),
        sa.Column("status", sa.String(36), nullable=False),
        sa.Column("step", sa.String(36), nullable=False),
        sa.Column("vm_state", sa.String(36), nullable=False),
        sa.Column("power_state", sa.Integer, nullable=False),
        sa.Column("task_state", sa.String(64)),
        sa.Column("locked", sa.Boolean, nullable=False),
        sa.Column("locked_by_us", sa.Boolean, nullable=False),
        sa.Column("migration_baseline", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("start_time", MOMENT),
        sa.Column("end_time", MOMENT),
        sa.Column("updated_at", MOMENT),
        sa.UniqueConstraint(
            "notification_uuid", "instance_uuid", name="uniq_vmoves0notification_uuid0instance_uuid"
        ),
        sa.Index("vmoves_instance_uuid_idx", "instance_uuid"),
        mysql_charset="utf8mb4",
    )
