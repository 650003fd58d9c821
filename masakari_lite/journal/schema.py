"""Bringing the journal's database to the schema of this release, with alembic."""

import contextlib
import dataclasses
import pathlib

import fasteners
import sqlalchemy as sa
from alembic import command
from alembic import config as alembic_config
from alembic.runtime import migration
from alembic.script import ScriptDirectory

from masakari_lite import exceptions

_MIGRATIONS = pathlib.Path(__file__).parent / "migrations"


@dataclasses.dataclass(frozen=True)
class Revision:
    """Where a database's schema is, and where this release needs it.

    :ivar found: None when the database has no tables of ours
    :ivar is_known: whether this release can bring it to the wanted one
    """

    found: str | None
    wanted: str | None
    is_known: bool = True

    @property
    def is_current(self) -> bool:
        """Whether the database has the schema of this release."""
        return self.found == self.wanted

    def __str__(self) -> str:
        """Describe both, and what is to be done."""
        where = f"the journal's database is at revision {self.found or 'none'}"
        if self.is_current:
            return f"{where}, as this release needs it"
        if not self.is_known:
            what = "which this release does not know" if self.found else "but has a table 'notifications'"
            return (
                f"{where}, {what} (it needs {self.wanted}): install the newer release that has made it, or "
                "name a database of the journal's own in [database] connection"
            )
        return (
            f"{where}, this release needs {self.wanted}: stop the engines and run 'masakari-lite-manage db "
            "sync' with the same configuration files"
        )


def upgrade(engine: sa.Engine) -> None:
    """Create the tables, or bring older ones up to date; a database that is current stays as it is.

    :raises JournalOutdated: when a newer release has made the tables, or another program
    """
    revision = read_revision(engine)
    if not revision.is_known:
        raise exceptions.JournalOutdated(str(revision))
    settings = _settings()
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def upgrade_file(engine: sa.Engine) -> None:
    """Create or upgrade a SQLite file, one engine at a time where several start at once.

    :raises JournalOutdated: when a newer release has made the tables, or another program
    """
    if not read_revision(engine).is_current:
        path = engine.url.database
        in_memory = not path or path == ":memory:"
        with contextlib.nullcontext() if in_memory else fasteners.InterProcessLock(f"{path}.upgrade"):
            upgrade(engine)


def check(engine: sa.Engine) -> None:
    """Make sure that the database has the schema of this release.

    :raises JournalOutdated: when it has not; the message says what to run
    """
    revision = read_revision(engine)
    if not revision.is_current:
        raise exceptions.JournalOutdated(str(revision))


def read_revision(engine: sa.Engine | None) -> Revision:
    """Read where the schema is.

    :param engine: None for a database that does not exist yet
    """
    script = ScriptDirectory.from_config(_settings())
    known = {entry.revision for entry in script.walk_revisions()}
    wanted = script.get_current_head()
    if engine is None:
        return Revision(None, wanted)
    with engine.connect() as connection:
        found = migration.MigrationContext.configure(connection).get_current_revision()
        is_ours = found in known if found else not sa.inspect(connection).has_table("notifications")
    return Revision(found, wanted, is_ours)


def _settings() -> alembic_config.Config:
    settings = alembic_config.Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return settings
