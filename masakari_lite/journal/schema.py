"""Bringing the journal's database to the schema of this release, with alembic."""

import pathlib

import sqlalchemy as sa
from alembic import command
from alembic import config as alembic_config
from alembic.runtime import migration
from alembic.script import ScriptDirectory

from masakari_lite import exceptions

_MIGRATIONS = pathlib.Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> None:
    """Create the tables, or bring older ones up to date; a database that is current stays as it is."""
    settings = _settings()
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def check(engine: sa.Engine) -> None:
    """Make sure that the database has the schema of this release.

    :raises JournalOutdated: when it has not; the message says what to run
    """
    wanted = ScriptDirectory.from_config(_settings()).get_current_head()
    with engine.connect() as connection:
        found = migration.MigrationContext.configure(connection).get_current_revision()
    if found != wanted:
        raise exceptions.JournalOutdated(
            f"the journal's database is at revision {found or 'none'}, this release needs {wanted}: run "
            "'masakari-lite-engine --upgrade-db' with the same configuration files"
        )


def _settings() -> alembic_config.Config:
    settings = alembic_config.Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return settings
