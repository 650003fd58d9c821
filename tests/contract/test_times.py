"""Times of Nova's, and by which clock they are."""

import datetime
import email.utils

# a service that looks up has reported within service_down_time, 60 s by default; Date has whole seconds
_LONGEST = datetime.timedelta(seconds=62)
_NOW = datetime.timedelta(seconds=2)


def read_date(answer):
    return email.utils.parsedate_to_datetime(answer.headers["Date"]).replace(tzinfo=None)


def test_each_answer_has_a_date(site, masakari, alive):
    server = alive()
    for path in (
        "/os-services",
        "/servers/detail",
        "/os-migrations",
        f"/servers/{server}",
        "/servers/nothing",
    ):
        assert read_date(masakari.send("GET", path))
    assert read_date(masakari.act(server, "lock"))
    assert read_date(masakari.act(server, "unlock"))


def test_a_living_service_has_reported_lately_by_the_clock_of_the_date(site, masakari):
    answer = masakari.send("GET", "/os-services")
    up = [service for service in answer.body["services"] if service["state"] == "up"]
    assert up
    for service in up:
        age = read_date(answer) - datetime.datetime.fromisoformat(service["updated_at"])
        assert -_NOW <= age <= _LONGEST


def test_the_services_tell_the_time_of_what_changes(site, masakari, alive):
    """What is written now is not older than the last report of any service that is up."""
    server = alive()
    services = masakari.get("/os-services")["services"]
    last = max(service["updated_at"] for service in services if service["state"] == "up")
    assert masakari.act(server, "lock").status == 202
    changed = masakari.server(server)["updated"].removesuffix("Z")
    assert datetime.datetime.fromisoformat(changed) >= datetime.datetime.fromisoformat(last) - _NOW
    listed = masakari.servers(all_tenants=1, **{"changes-since": last})
    assert server in [found["id"] for found in listed]
    assert masakari.act(server, "unlock").status == 202


def test_a_date_has_whole_seconds(site, masakari):
    date = masakari.send("GET", "/os-services").headers["Date"]
    assert date == email.utils.format_datetime(email.utils.parsedate_to_datetime(date), usegmt=True)
