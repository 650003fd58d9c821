"""What Nova tells of migration records, and how the list is narrowed."""

import datetime

import pytest

COMMON = {
    "id",
    "uuid",
    "instance_uuid",
    "migration_type",
    "status",
    "source_compute",
    "source_node",
    "dest_compute",
    "dest_node",
    "dest_host",
    "old_instance_type_id",
    "new_instance_type_id",
    "created_at",
    "updated_at",
}


@pytest.fixture(scope="module")
def records(site, masakari, dead):
    """The records of three evacuations, the newest first."""
    servers = [dead() for _ in range(3)]
    for server in servers:
        masakari.evacuate(server)
    for server in servers:
        site.finish(server)
    found = [masakari.evacuations(server)[0] for server in servers]
    return sorted(found, key=lambda record: record["id"], reverse=True)


def uuids(records):
    return [record["uuid"] for record in records]


@pytest.mark.parametrize(
    ("version", "added"), [("2.59", set()), ("2.79", set()), ("2.80", {"user_id", "project_id"})]
)
def test_the_fields(masakari, records, version, added):
    (record,) = masakari.migrations(version, instance_uuid=records[0]["instance_uuid"])
    assert record.keys() - {"links"} == COMMON | added


def test_before_2_59_it_has_no_uuid(masakari, records):
    found = masakari.migrations(
        "2.53", migration_type="evacuation", source_compute=records[0]["source_compute"]
    )
    assert records[0]["id"] in [record["id"] for record in found]
    assert "uuid" not in found[0]


def test_it_belongs_to_whoever_asked_for_the_evacuation(masakari, owner, records):
    assert records[0]["user_id"] == masakari.user_id != owner.user_id
    assert records[0]["project_id"] == masakari.project_id != owner.project_id


def test_by_source_and_type(site, masakari, records):
    found = masakari.migrations(migration_type="evacuation", source_compute=site.failing)
    assert set(uuids(records)) <= set(uuids(found))
    assert {record["source_compute"] for record in found} == {site.failing}
    assert {record["migration_type"] for record in found} == {"evacuation"}
    assert not set(uuids(records)) & set(uuids(masakari.migrations(source_compute=site.living)))
    assert not set(uuids(records)) & set(uuids(masakari.migrations(migration_type="live-migration")))


def test_hosts_and_their_hypervisors_are_two_fields(site, records):
    for record in records:
        assert record["source_compute"] == site.failing
        assert record["source_node"] == site.node(site.failing)
        assert record["dest_node"] == site.node(record["dest_compute"])


def test_by_instance(masakari, records):
    for record in records:
        assert masakari.migrations(instance_uuid=record["instance_uuid"]) == [record]


def test_by_status(masakari, records):
    assert set(uuids(records)) <= set(uuids(masakari.migrations(status="done")))
    assert not set(uuids(records)) & set(uuids(masakari.migrations(status="error")))
    assert masakari.migrations(status="done,error") == []


def test_by_host_finds_source_and_destination(masakari, records):
    for field in ("source_compute", "dest_compute"):
        assert records[0]["uuid"] in uuids(masakari.migrations(host=records[0][field]))


def test_host_wins_over_source_compute(masakari, records):
    found = masakari.migrations(source_compute="nowhere", host=records[0]["source_compute"])
    assert records[0]["uuid"] in uuids(found)


@pytest.mark.parametrize(
    ("version", "name"),
    [("2.94", "dest_compute"), ("2.79", "user_id"), ("2.79", "project_id"), ("2.58", "changes-since")],
)
def test_other_filters(masakari, version, name):
    answer = masakari.send("GET", "/os-migrations", version=version, query={name: "2020-01-01T00:00:00Z"})
    if version < "2.59":
        assert answer.status == 200  # and ignored
        return
    status, message = answer.refusal
    assert status == 400
    assert f"Additional properties are not allowed ('{name}' was unexpected)" in message


def test_changes_since_is_inclusive(masakari, records):
    record = records[0]
    updated = datetime.datetime.fromisoformat(record["updated_at"])
    query = {"instance_uuid": record["instance_uuid"]}
    assert masakari.migrations(**query, changes_since=f"{updated.isoformat()}Z") == [record]
    after = updated + datetime.timedelta(seconds=1)
    assert masakari.migrations(**query, changes_since=f"{after.isoformat()}Z") == []


def test_the_newest_comes_first(site, masakari, records):
    found = masakari.migrations(source_compute=site.failing)
    assert [uuid for uuid in uuids(found) if uuid in uuids(records)] == uuids(records)


def test_pages_are_linked(site, masakari, records):
    query = {"source_compute": site.failing, "migration_type": "evacuation"}
    everything = uuids(masakari.migrations(**query))
    seen = []
    body = masakari.get("/os-migrations", **query, limit=2)
    while body["migrations"]:
        assert len(body["migrations"]) <= 2
        seen += uuids(body["migrations"])
        if "migrations_links" not in body:
            break
        (link,) = body["migrations_links"]
        assert link["rel"] == "next"
        answer = masakari.send("GET", "/os-migrations?" + link["href"].partition("?")[2])
        assert answer.status == 200
        body = answer.body
    assert seen == everything


def test_an_unknown_marker_is_refused(masakari):
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = masakari.send("GET", "/os-migrations", query={"marker": unknown})
    assert answer.refusal == (400, f"Marker {unknown} could not be found.")
