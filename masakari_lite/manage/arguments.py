"""The commands of masakari-lite-manage and their arguments, spelled as masakari-manage's are."""

import argparse
import time
from typing import Any

from oslo_config import cfg

from masakari_lite.manage import database

_DAY = 86400

_SYNC = """\
Create the journal's tables in [database] connection, or bring those of an
older release up to date; tables that are current stay as they are. Stop the
engines first. A SQLite file belongs to the user who runs this: it must be
writable for the engines' user.
"""
_VERSION = """\
Print the revision of the tables in [database] connection, and the one that
this release needs.
"""
_PURGE = """\
Delete notifications that have ended (finished, failed or ignored) and were
last changed more than so many days ago, the oldest first, with their vmoves.
The engines may run meanwhile: each transaction is small. After an
interruption run it again.

Never deleted are: notifications that have not ended (new, running, error);
those of which an engine has still to check an instance, because a lock of ours
may be left on it; and what was changed within notifications_expired_interval,
because recoveries may resume it.

A failed vmove has the state in which its instance was before its host failed.
Once it is deleted, an instance that is still in error on that host counts as
one that was in error before.
"""


def add_commands(commands: Any) -> None:
    """Add the commands to oslo.config's parser."""
    group = commands.add_parser("db", help="create, upgrade and purge the journal's database")
    of_database = group.add_subparsers(dest="action", required=True)
    _add(of_database, "sync", database.sync, _SYNC)
    _add(of_database, "version", database.show_version, _VERSION)
    add = _add(of_database, "purge", database.purge, _PURGE).add_argument
    add(
        "--age_in_days",
        "--age-in-days",
        type=_days,
        default=30,
        metavar="DAYS",
        help="delete what was last changed more than so many days ago (%(default)s)",
    )
    add(
        "--max_rows",
        "--max-rows",
        type=_rows,
        default=-1,
        metavar="ROWS",
        help="delete at most so many rows, of both tables together; a notification goes after all its "
        "vmoves, with a later run if need be; -1 deletes all (%(default)s)",
    )
    add("--dry_run", "--dry-run", action="store_true", help="delete nothing, only tell what would be deleted")


def _add(commands: Any, name: str, run: database.Command, description: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=" ".join(description.partition(";")[0].partition(".")[0].split()),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _days(text: str) -> int:
    days = _integer(text)
    longest = int(time.time() / _DAY)
    if not 0 <= days <= longest:
        raise argparse.ArgumentTypeError(f"{text}: must be between 0 and {longest}, the days since 1970")
    return days


def _rows(text: str) -> int:
    rows = _integer(text)
    if rows < 1 and rows != -1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more, or -1 for all")
    return rows


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: is not a whole number") from None


COMMAND = cfg.SubCommandOpt("command", title="commands", help="what to do", handler=add_commands)
