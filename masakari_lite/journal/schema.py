"""Bringing the journal's database to the schema of this release, with alembic."""

import contextlib
import pathlib

import fasteners
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


def upgrade_file(engine: sa.Engine) -> None:
    """Create or upgrade a SQLite file, one engine at a time where several start at once."""
    found, wanted = _get_revisions(engine)
    if found != wanted:
        path = engine.url.database
        in_memory = not path or path == ":memory:"
        with contextlib.nullcontext() if in_memory else fasteners.InterProcessLock(f"{path}.upgrade"):
            upgrade(engine)


def check(engine: sa.Engine) -> None:
    """Make sure that the database has the schema of this release.

    :raises JournalOutdated: when it has not; the message says what to run
    """
    found, wanted = _get_revisions(engine)
    if found != wanted:
        raise exceptions.JournalOutdated(
            f"the journal's database is at revision {found or 'none'}, this release needs {wanted}: run "
            "'masakari-lite-engine --upgrade-db' with the same configuration files"
        )


def _get_revisions(engine: sa.Engine) -> tuple[str | None, str | None]:
    wanted = ScriptDirectory.from_config(_settings()).get_current_head()
    with engine.connect() as connection:
        return migration.MigrationContext.configure(connection).get_current_revision(), wanted


def _settings() -> alembic_config.Config:
    settings = alembic_config.Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return settings
