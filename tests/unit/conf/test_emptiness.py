"""Options that a file names without a value, as deployment tools write what is not set."""

import pytest
from oslo_config import cfg
from oslo_db import options as db_options

from masakari_lite import conf as options
from masakari_lite import exceptions
from masakari_lite.compute import session
from masakari_lite.coordination import backends
from masakari_lite.journal import store
from masakari_lite.rpc import transport

AUTH = {"auth_type": "password", "auth_url": "http://keystone.example.org/v3"}


def load(path, values, **groups):
    """Make a configuration of a file with these options, by group and name."""
    sections = {}
    for group, name, value in values:
        sections.setdefault(group, []).append(
            f"{name} = {value}".rstrip(" ") if value != " " else f"{name} =   "
        )
    for group, entries in groups.items():
        sections.setdefault(group, []).extend(f"{name} = {value}" for name, value in entries.items())
    lines = [line for group, entries in sections.items() for line in (f"[{group}]", *entries)]
    file = path / "masakari.conf"
    file.write_text("\n".join(lines) + "\n")
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[str(file)], default_config_dirs=[])
    return conf


def registered():
    """List the options that are registered without a plugin of keystoneauth's, as group and name."""
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    own = [(group, opt) for group, opts in options.list_opts() for opt in opts]
    own += [("database", opt) for opt in db_options.database_opts if opt.dest != "mysql_sql_mode"]
    return [
        (group, opt.dest) for group, opt in own if opt.dest in (conf if group == "DEFAULT" else conf[group])
    ]


def read(conf, group, name):
    return conf[name] if group == "DEFAULT" else conf[group][name]


@pytest.mark.parametrize("nothing", ["", " "])
@pytest.mark.parametrize(("group", "name"), registered())
def test_each_has_its_default(tmp_path, group, name, nothing):
    conf = load(tmp_path, [(group, name, nothing)])
    options.check(conf)
    # keystoneauth's own two are asked for their truth only
    assert (read(conf, group, name) or None) == (read(load(tmp_path, []), group, name) or None)


def test_all_at_once(tmp_path):
    conf = load(tmp_path, [(group, name, "") for group, name in registered()])
    options.check(conf)
    assert backends.find_url(conf) == "file:///var/lib/masakari/claims"


def test_a_journal_in_its_usual_place(tmp_path):
    conf = load(tmp_path, [("database", "connection", "")], DEFAULT={"state_path": tmp_path})
    store.Journal(conf).close()
    assert (tmp_path / "masakari.sqlite").exists()


def test_where_nova_is(tmp_path):
    names = ("region_name", "valid_interfaces", "service_name", "endpoint_override", "service_type", "cafile")
    conf = load(tmp_path, [("nova", name, "") for name in names], nova=AUTH)
    assert session.find_endpoint(conf) == session.Endpoint("compute", None, ["internal", "public"], None)
    assert session.build_session(conf).verify is True


def test_the_options_of_a_plugin(tmp_path):
    conf = load(tmp_path, [("nova", "project_name", ""), ("nova", "user_domain_id", "")], nova=AUTH)
    auth = session.build_session(conf).auth
    assert (auth._project_name, auth._user_domain_id) == (None, None)


def test_one_that_a_plugin_needs_is_named(tmp_path):
    conf = load(tmp_path, [("nova", "auth_url", "")], nova={"auth_type": "password"})
    with pytest.raises(exceptions.ConfigurationError, match=r"^\[nova\]: .*auth.url"):
        session.build_session(conf)


def test_the_older_options_where_auth_type_is_empty(tmp_path):
    older = {
        "os_privileged_user_name": "nova",
        "os_privileged_user_password": "secret",
        "os_privileged_user_tenant": "service",
        "os_privileged_user_auth_url": "http://keystone.example.org",
    }
    conf = load(tmp_path, [("nova", "auth_type", ""), ("nova", "auth_section", "")], DEFAULT=older)
    assert session.build_session(conf).auth._username == "nova"


def test_a_section_without_a_plugin_is_named(tmp_path):
    conf = load(tmp_path, [("masakari", "auth_type", "")], nova={"auth_section": "masakari"})
    with pytest.raises(exceptions.ConfigurationError, match=r"^\[masakari\] auth_type is not set"):
        session.build_session(conf)


def test_a_transport_is_named(tmp_path):
    conf = load(tmp_path, [("DEFAULT", "transport_url", "")])
    with pytest.raises(exceptions.ConfigurationError, match=r"^\[DEFAULT\] transport_url: .*rabbit://USER"):
        transport.get_transport(conf)


def test_numbers_of_other_libraries_are_named(tmp_path):
    conf = load(tmp_path, [("DEFAULT", "rpc_response_timeout", "")], DEFAULT={"transport_url": "fake:/"})
    transport.get_transport(conf)
    with pytest.raises(cfg.Error, match="rpc_response_timeout"):
        transport.get_transport(conf).conf.rpc_response_timeout  # noqa: B018
