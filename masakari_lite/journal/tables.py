"""The journal's tables: Masakari's two, in its words, and what the engines share beside them."""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql

# MySQL's DATETIME forgets fractions of a second by default
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


class Base(orm.DeclarativeBase):
    """The tables' common base; its metadata is what the migrations must arrive at."""


class NotificationRow(Base):
    """A notification; see :class:`masakari_lite.models.Notification`."""

    __tablename__ = "notifications"
    __table_args__ = (
        sa.UniqueConstraint("notification_uuid", name="uniq_notifications0notification_uuid"),
        sa.Index("notifications_status_idx", "status"),
        sa.Index("notifications_updated_at_idx", "updated_at"),
        sa.Index("notifications_hostname_idx", "hostname"),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    notification_uuid: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    type: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    hostname: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    generated_time: orm.Mapped[datetime.datetime] = orm.mapped_column(MOMENT)
    payload: orm.Mapped[dict[str, Any]] = orm.mapped_column(sa.JSON)
    status: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    attempts: orm.Mapped[int] = orm.mapped_column(default=0)
    reason: orm.Mapped[str] = orm.mapped_column(sa.String(64), server_default="")
    message: orm.Mapped[str] = orm.mapped_column(sa.Text)
    retry_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)
    owner: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    generation: orm.Mapped[int] = orm.mapped_column(server_default="0")
    arrived_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)
    service_updated_at: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    progress: orm.Mapped[list[dict[str, Any]]] = orm.mapped_column(sa.JSON)
    created_at: orm.Mapped[datetime.datetime] = orm.mapped_column(MOMENT)
    updated_at: orm.Mapped[datetime.datetime] = orm.mapped_column(MOMENT)


class VMoveRow(Base):
    """The vmove of one instance; see :class:`masakari_lite.models.VMove`."""

    __tablename__ = "vmoves"
    __table_args__ = (
        sa.UniqueConstraint(
            "notification_uuid", "instance_uuid", name="uniq_vmoves0notification_uuid0instance_uuid"
        ),
        sa.Index("vmoves_instance_uuid_idx", "instance_uuid"),
        sa.Index("vmoves_source_host_idx", "source_host"),
        sa.Index("vmoves_locked_by_us_idx", "locked_by_us"),
        sa.Index("vmoves_recheck_at_idx", "recheck_at"),
    )

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    notification_uuid: orm.Mapped[str] = orm.mapped_column(
        sa.ForeignKey("notifications.notification_uuid", name="fk_vmoves0notification_uuid")
    )
    instance_uuid: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    instance_name: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    source_host: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    dest_host: orm.Mapped[str | None] = orm.mapped_column(sa.String(255))
    status: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    step: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    vm_state: orm.Mapped[str] = orm.mapped_column(sa.String(36))
    power_state: orm.Mapped[int]
    task_state: orm.Mapped[str | None] = orm.mapped_column(sa.String(64))
    locked: orm.Mapped[bool]
    locked_by_us: orm.Mapped[bool]
    migration_baseline: orm.Mapped[int]
    attempts: orm.Mapped[int]
    reason: orm.Mapped[str] = orm.mapped_column(sa.String(64), server_default="")
    message: orm.Mapped[str] = orm.mapped_column(sa.Text)
    retry_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)
    start_time: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)
    end_time: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)
    recheck_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)
    updated_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(MOMENT)


class JournalRow(Base):
    """The journal itself, in one row.

    Its uuid is the same for all engines that use it, by whatever address they reach its database.
    """

    __tablename__ = "journal"

    uuid: orm.Mapped[str] = orm.mapped_column(sa.String(36), primary_key=True)


class ClaimRow(Base):
    """An engine's claim on a host; see :mod:`masakari_lite.coordination.database`.

    :ivar renewals: grows with each renewal, and with each change of the owner
    :ivar lease_time: for how many seconds the claim lasts when it is not renewed; its owner's
    """

    __tablename__ = "claims"

    name: orm.Mapped[str] = orm.mapped_column(sa.String(64), primary_key=True)
    owner: orm.Mapped[str] = orm.mapped_column(sa.String(255))
    renewals: orm.Mapped[int]
    lease_time: orm.Mapped[int]
