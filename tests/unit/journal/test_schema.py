"""The migrations arrive at the tables that the code uses."""

import datetime

import pytest
import sqlalchemy as sa
from alembic import autogenerate, command
from alembic.runtime import migration

from masakari_lite import exceptions
from masakari_lite.journal import schema, store, tables
from masakari_lite.models import NotificationStatus, Step, VMoveStatus
from tests.unit.journal.conftest import load

OUTDATED = r"at revision {}, this release needs 0002: run 'masakari-lite-engine --upgrade-db'"

MOMENT = datetime.datetime(2026, 2, 28, 23, 59, 59, 123456)


def set_revision(engine, revision):
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )


def test_the_migrations_arrive_at_the_models(upgraded):
    with upgraded.connect() as connection:
        context = migration.MigrationContext.configure(connection, opts={"compare_type": True})
        assert autogenerate.compare_metadata(context, tables.Base.metadata) == []


def test_upgrading_again_changes_nothing(upgraded, journal):
    schema.check(upgraded)
    schema.upgrade(upgraded)
    schema.check(upgraded)


def test_an_empty_database_is_outdated(engine):
    with pytest.raises(exceptions.JournalOutdated, match=OUTDATED.format("none")):
        schema.check(engine)


def test_an_older_or_newer_database_is_outdated(upgraded):
    for revision in ("0001", "9999"):
        set_revision(upgraded, revision)
        with pytest.raises(exceptions.JournalOutdated, match=OUTDATED.format(revision)):
            schema.check(upgraded)


def test_a_sqlite_file_comes_up_by_itself(tmp_path, open_journal):
    conf = load(f"sqlite:///{tmp_path}/new.sqlite")
    assert open_journal(conf).list_notifications() == []
    assert open_journal(conf).list_notifications() == []


def test_a_servers_database_does_not(server_url, open_journal):
    conf = load(server_url)
    with pytest.raises(exceptions.JournalOutdated):
        open_journal(conf)
    store.upgrade(conf)
    store.upgrade(conf)
    assert open_journal(conf).list_notifications() == []


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (tables.NotificationRow, ("notification_uuid",)),
        (tables.VMoveRow, ("notification_uuid", "instance_uuid")),
    ],
)
def test_what_is_unique(upgraded, table, values):
    found = sa.inspect(upgraded).get_unique_constraints(table.__tablename__)
    assert [tuple(entry["column_names"]) for entry in found] == [values]


class TestTheFirstRelease:
    """A database at 0001, with what an engine of that release has left in it."""

    @pytest.fixture
    def old(self, engine):
        settings = schema._settings()
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "0001")
            fill(connection)
        return engine

    def test_the_migrations_arrive_at_the_models(self, old):
        schema.upgrade(old)
        test_the_migrations_arrive_at_the_models(old)

    def test_its_rows_stay(self, old, journal):
        found = {row.notification_uuid: row for row in journal.list_notifications()}
        assert set(found) == set(NotificationStatus)
        for status, row in ((NotificationStatus(uuid), row) for uuid, row in found.items()):
            # an error was final, and what is final is failed now
            now = NotificationStatus.FAILED if status is NotificationStatus.ERROR else status
            assert (row.status, row.owner, row.retry_at) == (now, None, None)
            assert (row.attempts, row.message, row.payload) == (2, "größe", {"event": "STOPPED"})
            assert row.progress == ({"name": "task"},)
            assert row.created_at == row.updated_at == row.generated_time == MOMENT
            [move] = journal.list_vmoves(status)
            assert (move.status, move.step, move.retry_at) == (VMoveStatus.FAILED, Step.DONE, None)
            assert (move.instance_name, move.end_time, move.locked_by_us) == ("guest", MOMENT, False)

    def test_its_errors_are_not_tried_again(self, old, journal):
        times = {row.status: row.retry_at for row in journal.list_unfinished()}
        assert times == dict.fromkeys(("new", "running"))

    def test_its_recoveries_go_on(self, old, journal):
        taken = journal.take_up(journal.get_notification("running"), "engine-1")
        [move] = journal.list_vmoves("running")
        assert journal.update_vmove(taken, move, step=Step.UNLOCK).step is Step.UNLOCK


def fill(connection):
    """Write a notification of each status, and a move of it, with the columns of 0001."""
    notifications, vmoves = (
        sa.table(table.name, *(sa.column(column.name, column.type) for column in table.columns))
        for table in tables.Base.metadata.sorted_tables
    )
    for status in NotificationStatus:
        connection.execute(
            notifications.insert().values(
                notification_uuid=status.value,
                type="COMPUTE_HOST",
                hostname="compute-1",
                generated_time=MOMENT,
                payload={"event": "STOPPED"},
                status=status.value,
                attempts=2,
                message="größe",
                progress=[{"name": "task"}],
                created_at=MOMENT,
                updated_at=MOMENT,
            )
        )
        connection.execute(
            vmoves.insert().values(
                notification_uuid=status.value,
                instance_uuid="instance",
                instance_name="guest",
                source_host="compute-1",
                status=VMoveStatus.FAILED.value,
                step=Step.DONE.value,
                vm_state="active",
                power_state=1,
                locked=False,
                locked_by_us=False,
                migration_baseline=0,
                attempts=1,
                message="",
                end_time=MOMENT,
            )
        )
