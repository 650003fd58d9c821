"""The migrations arrive at the tables that the code uses."""

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic.runtime import migration

from masakari_lite import exceptions
from masakari_lite.journal import schema, store, tables
from tests.unit.journal.conftest import load

OUTDATED = r"at revision {}, this release needs 0001: run 'masakari-lite-engine --upgrade-db'"


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
    for revision in ("0000", "9999"):
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
