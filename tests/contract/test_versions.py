"""Microversions: how they are offered, asked for and refused; and who is let in at all."""

import pytest

from tests.contract.client import Client


def root(client: Client) -> str:
    return client.url.partition("/v2.1")[0] + "/"


@pytest.mark.parametrize("path", ["", "/"])
def test_the_version_document_needs_no_token(owner, path):
    answer = owner.send("GET", owner.url + path, version=None, headers={"X-Auth-Token": None})
    assert answer.status == 200
    version = answer.body["version"]
    assert (version["id"], version["status"], version["min_version"]) == ("v2.1", "CURRENT", "2.1")
    assert int(version["version"].removeprefix("2.")) >= 94


def test_the_root_lists_all_versions(owner):
    answer = owner.send("GET", root(owner), version=None, headers={"X-Auth-Token": None})
    assert answer.status == 200
    current = [version for version in answer.body["versions"] if version["status"] == "CURRENT"]
    assert [version["id"] for version in current] == ["v2.1"]
    assert current[0]["version"] == maximum(owner)


def maximum(client: Client) -> str:
    return str(client.send("GET", client.url + "/", version=None).body["version"]["version"])


def test_an_answer_says_its_microversion(owner):
    headers = owner.send("GET", "/servers", version="2.73").headers
    assert headers["OpenStack-API-Version"] == "compute 2.73"
    assert headers["X-OpenStack-Nova-API-Version"] == "2.73"


def test_without_a_microversion_it_is_the_oldest(owner):
    assert owner.send("GET", "/servers", version=None).headers["OpenStack-API-Version"] == "compute 2.1"


def test_latest_is_the_newest_on_offer(owner):
    answer = owner.send("GET", "/servers", version="latest")
    assert answer.headers["OpenStack-API-Version"] == f"compute {maximum(owner)}"


def test_a_microversion_above_the_maximum_is_not_acceptable(owner):
    newest = maximum(owner)
    answer = owner.send("GET", "/servers", version="2.999")
    assert answer.body == {
        "computeFault": {
            "code": 406,
            "message": f"Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is {newest}.",
        }
    }
    assert answer.status == 406


def test_what_is_no_microversion_is_refused(owner):
    status, message = owner.send("GET", "/servers", version="newest").refusal
    assert status == 400
    assert message == ("API Version String newest is of invalid format. Must be of format MajorNum.MinorNum.")


def test_a_bad_token_is_refused_with_keystones_address(owner):
    answer = owner.send("GET", "/servers", headers={"X-Auth-Token": "nonsense"})
    assert answer.refusal == (401, "The request you have made requires authentication.")
    assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_an_unknown_path_is_a_404_that_names_no_instance(owner):
    answer = owner.send("GET", "/nothing-here")
    assert answer.status == 404
    assert "could not be found" not in answer.text.replace("The resource could not be found", "")
