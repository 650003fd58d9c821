"""Text that others wrote does no harm where it is read."""

import json
import logging
import subprocess
import sys

import pytest

from masakari_lite.printable import PrintableFormatter, escape, escape_all


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("guest-1", "guest-1"),
        ("größe 東京 ひ 🙂 [red] :smile:", "größe 東京 ひ 🙂 [red] :smile:"),
        ("C:\\new", "C:\\new"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x00\x7f\x85\x9b", "\\x00\\x7f\\x85\\x9b"),
        ("\u202egnp.exe\u2066\u200f", "\\u202egnp.exe\\u2066\\u200f"),
        ("a\u200bb\u200d\ufeff\u2060", "a\\u200bb\\u200d\\ufeff\\u2060"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\u3164\u115f\u2800\ufe0f\U000e0100", "\\u3164\\u115f\\u2800\\ufe0f\\U000e0100"),
        ("\ud800\ue000", "\\ud800\\ue000"),
        ("\xa0\u3000", "\\xa0\\u3000"),
    ],
)
def test_what_cannot_be_seen_is_spelled(text, shown):
    assert escape(text) == shown
    shown.encode()


def test_what_is_in_a_value_is_escaped_in_depth():
    value = {"name\n": ["a\n", ("b\n", 1, None)], "n": 1.5}
    assert escape_all(value) == {"name\\n": ["a\\n", ("b\\n", 1, None)], "n": 1.5}


def build_record(message, *arguments, **changes):
    return logging.LogRecord(
        "name", logging.INFO, "path", 1, message, arguments, **({"exc_info": None} | changes)
    )


def test_a_message_takes_one_line():
    formatter = PrintableFormatter(logging.Formatter("%(levelname)s %(message)s"))
    record = build_record("%s was refused: %s", "guest\n2026 INFO all is well", "\x1b[2J100%s")
    assert formatter.format(record) == "INFO guest\\n2026 INFO all is well was refused: \\x1b[2J100%s"
    assert record.args == ("guest\n2026 INFO all is well", "\x1b[2J100%s")


def test_a_traceback_keeps_its_lines():
    try:
        raise ValueError("\x1b[2J\u202e")
    except ValueError:
        record = build_record("failed", exc_info=sys.exc_info())
    lines = PrintableFormatter(None).format(record).split("\n")
    assert lines[0] == "failed"
    assert lines[-1] == "ValueError: \\x1b[2J\\u202e"
    assert len(lines) > 3


def test_colours_of_the_log_stay():
    formatter = PrintableFormatter(logging.Formatter("\x1b[01;31m%(message)s\x1b[00m"))
    assert formatter.format(build_record("\x1b[2J")) == "\x1b[01;31m\\x1b[2J\x1b[00m"


WRITE = """
import logging, sys
from oslo_config import cfg
from masakari_lite import conf as options, logs
path, use_json, *message = sys.argv[1:]
conf = cfg.ConfigOpts()
options.register_opts(conf)
conf(["--log-file", path], project="masakari", default_config_files=[])
conf.set_override("use_json", use_json == "True")
logs.setup(conf)
logging.getLogger("masakari_lite.test").warning(*message)
"""


@pytest.fixture
def log(tmp_path):
    """Log a message to a file, in a process of its own; give what is in it."""

    def write(use_json, *message):
        path = tmp_path / "engine.log"
        command = [sys.executable, "-W", "ignore", "-c", WRITE, path, str(use_json), *message]
        subprocess.run(command, check=True, timeout=60)
        return path.read_text()

    return write


def test_the_engines_log_has_a_line_a_message(log):
    written = log(False, "[instance: %s] is locked: %s", "1", "mine\n2026-01-31 INFO forged \x1b[2J")
    assert written.count("\n") == 1
    assert written.endswith("[instance: 1] is locked: mine\\n2026-01-31 INFO forged \\x1b[2J\n")
    assert "WARNING masakari_lite.test" in written


def test_a_log_in_json_has_the_real_value(log):
    written = json.loads(log(True, "locked: %s", "mine\n\x1b[2J"))
    assert written["message"] == "locked: mine\n\x1b[2J"
