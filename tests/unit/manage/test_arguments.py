"""The arguments of masakari-lite-manage, in Masakari's spelling and with hyphens."""

import pytest
from oslo_config import cfg

from masakari_lite.manage import arguments


def parse(*argv):
    conf = cfg.ConfigOpts()
    conf.register_cli_opt(arguments.COMMAND)
    conf(argv, project="masakari", default_config_files=[], default_config_dirs=[])
    return conf.command


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ((), (30, -1, False)),
        (("--age_in_days", "7", "--max_rows", "100"), (7, 100, False)),
        (("--age-in-days=0", "--max-rows=-1", "--dry-run"), (0, -1, True)),
        (("--age_in_days=365", "--max-rows", "1", "--dry_run"), (365, 1, True)),
    ],
)
def test_the_arguments_of_purge(argv, expected):
    given = parse("db", "purge", *argv)
    assert (given.age_in_days, given.max_rows, given.dry_run) == expected


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--age_in_days", "-1"), "--age_in_days/--age-in-days: -1: must be between 0 and"),
        (("--age-in-days", "99999999999"), "--age_in_days/--age-in-days: 99999999999: must be between 0 and"),
        (("--age-in-days", "1.5"), "--age_in_days/--age-in-days: 1.5: is not a whole number"),
        (("--age-in-days", ""), "--age_in_days/--age-in-days: "),
        (("--max_rows", "0"), "--max_rows/--max-rows: 0: must be 1 or more, or -1"),
        (("--max-rows", "-2"), "--max_rows/--max-rows: -2: must be 1 or more, or -1"),
        (("--max-rows", "all"), "--max_rows/--max-rows: all: is not a whole number"),
        (("--max-rows",), "--max_rows/--max-rows: expected one argument"),
        (("--older-than", "3"), "unrecognized arguments: --older-than 3"),
    ],
)
def test_a_wrong_argument_is_named(argv, words, capsys):
    with pytest.raises(SystemExit) as ended:
        parse("db", "purge", *argv)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("argv", [(), ("db",), ("db", "frob")])
def test_without_a_command_those_that_there_are_are_told(argv, capsys):
    with pytest.raises(SystemExit):
        parse(*argv)
    assert ("sync" if argv else "{db}") in capsys.readouterr().err


@pytest.mark.parametrize("command", ["sync", "version", "purge"])
def test_each_command_has_a_help(command, capsys):
    with pytest.raises(SystemExit):
        parse("db", command, "--help")
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
