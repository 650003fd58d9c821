"""Counting requests in the log that the devcloud's Nova and Keystone write."""

import json

import pytest

from tools.devcloud import requestlog

SERVER = "d6b688a6-11de-4da5-99ad-6a70ec9c3657"


def entry(user, method, path, **more):
    return {"service": "nova", "user": user, "method": method, "path": path, "status": 200} | more


def login(user, status=201):
    return entry(user, "POST", "/v3/auth/tokens", service="keystone", status=status)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "requests.jsonl"

    def write(*entries):
        with path.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in entries)
        return path

    return write


def test_requests_are_counted_by_user_and_kind(log):
    action = f"/v2.1/servers/{SERVER}/action"
    path = log(
        entry("masakari", "POST", action, action="lock", status=202),
        entry("masakari", "POST", action, action="lock", status=202),
        entry("demo", "POST", action, action="os-stop", status=409),
        entry("demo", "GET", "/v2.1/0123456789abcdef0123456789abcdef/os-migrations"),
    )
    assert requestlog.count(path).nova == {
        "masakari": {"POST /servers/{id}/action lock": 2},
        "demo": {"POST /servers/{id}/action os-stop -> 409": 1, "GET /os-migrations": 1},
    }


def test_only_issued_tokens_count(log):
    path = log(login("masakari"), login("masakari"), login("demo", status=401))
    assert requestlog.count(path).tokens == {"masakari": 2}


def test_a_count_goes_on_where_the_last_one_ended(log):
    path = log(login("masakari"))
    first = requestlog.count(path)
    log(login("demo"))
    assert requestlog.count(path, first.offset).tokens == {"demo": 1}


def test_a_line_that_is_being_written_waits_for_the_next_count(log):
    path = log(login("masakari"))
    with path.open("a") as file:
        file.write('{"service": "nova"')
    found = requestlog.count(path)
    assert found.tokens == {"masakari": 1}
    assert found.offset < path.stat().st_size


def test_no_log_is_an_empty_one(tmp_path):
    assert requestlog.count(tmp_path / "none", 7) == requestlog.Requests(7, {}, {})
