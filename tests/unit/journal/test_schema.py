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

OUTDATED = r"at revision {}, this release needs \d+: .*'masakari-lite-manage db sync'"
UNKNOWN = r"at revision {}, which this release does not know"

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


def test_an_older_database_is_outdated(upgraded):
    set_revision(upgraded, "0001")
    with pytest.raises(exceptions.JournalOutdated, match=OUTDATED.format("0001")):
        schema.check(upgraded)


# the second is a revision of taskflow's, whose tables Masakari has beside its own
@pytest.mark.parametrize("revision", ["9999", "0bc3e1a3c135"])
@pytest.mark.parametrize("act", [schema.check, schema.upgrade])
def test_a_database_of_a_newer_release_or_of_another_program_is_left_alone(upgraded, revision, act):
    set_revision(upgraded, revision)
    with pytest.raises(exceptions.JournalOutdated, match=UNKNOWN.format(revision)):
        act(upgraded)
    assert schema.read_revision(upgraded).found == revision


def test_masakaris_own_database_is_left_alone(engine):
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE notifications (id INTEGER PRIMARY KEY)"))
    with pytest.raises(exceptions.JournalOutdated, match="has a table 'notifications'"):
        schema.upgrade(engine)
    assert sa.inspect(engine).get_table_names() == ["notifications"]


def test_a_sqlite_file_comes_up_by_itself(tmp_path, open_journal):
    conf = load(f"sqlite:///{tmp_path}/new.sqlite")
    assert open_journal(conf).notifications.list_by() == []
    assert open_journal(conf).notifications.list_by() == []


def test_a_servers_database_does_not(server_url, open_journal):
    conf = load(server_url)
    with pytest.raises(exceptions.JournalOutdated):
        open_journal(conf)
    store.upgrade(conf)
    store.upgrade(conf)
    assert open_journal(conf).notifications.list_by() == []


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


def test_each_journal_has_a_name_of_its_own_that_stays(tmp_path, open_journal):
    first, same, other = (
        open_journal(load(f"sqlite:///{tmp_path}/{name}.sqlite")).uuid for name in ("one", "one", "two")
    )
    assert first == same != other


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
        found = {row.notification_uuid: row for row in journal.notifications.list_by()}
        assert set(found) == set(NotificationStatus)
        for status, row in ((NotificationStatus(uuid), row) for uuid, row in found.items()):
            # an error was final, and what is final is failed now
            now = NotificationStatus.FAILED if status is NotificationStatus.ERROR else status
            assert (row.status, row.owner, row.retry_at) == (now, None, None)
            assert (row.attempts, row.message, row.payload) == (2, "größe", {"event": "STOPPED"})
            assert row.progress == ({"name": "task"},)
            assert row.created_at == row.updated_at == row.generated_time == MOMENT
            [move] = journal.vmoves.list_of(status)
            assert (move.status, move.step, move.retry_at) == (VMoveStatus.FAILED, Step.DONE, None)
            assert (move.instance_name, move.end_time, move.locked_by_us) == ("guest", MOMENT, False)

    def test_its_errors_are_not_tried_again(self, old, journal):
        times = {row.status: row.retry_at for row in journal.notifications.list_unfinished()}
        assert times == dict.fromkeys(("new", "running"))

    def test_its_recoveries_go_on(self, old, journal):
        taken = journal.notifications.claim(journal.notifications.get("running"), "engine-1")
        [move] = journal.vmoves.list_of("running")
        assert journal.vmoves.update(taken, move, step=Step.UNLOCK).step is Step.UNLOCK


def fill(connection):
    """Write a notification of each status, and a move of it, with the columns of 0001."""
    notifications, vmoves = (
        sa.table(table.name, *(sa.column(column.name, column.type) for column in table.columns))
        for table in (tables.NotificationRow.__table__, tables.VMoveRow.__table__)
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
