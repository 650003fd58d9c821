"""Every option: its help, its default, its limits, and its place in the sample file."""

import io
import subprocess
import sys

import pytest
from oslo_config import cfg, generator

from masakari_lite import conf as options
from masakari_lite import exceptions

DEFAULTS = {
    ("DEFAULT", "masakari_topic"): "ha_engine",
    ("DEFAULT", "host_failure_recovery_threads"): 3,
    ("DEFAULT", "wait_period_after_service_update"): 180,
    ("DEFAULT", "wait_period_after_evacuation"): 90,
    ("DEFAULT", "verify_interval"): 1,
    ("DEFAULT", "wait_period_after_power_off"): 180,
    ("DEFAULT", "wait_period_after_power_on"): 60,
    ("DEFAULT", "duplicate_notification_detection_interval"): 180,
    ("DEFAULT", "process_unfinished_notifications_interval"): 120,
    ("DEFAULT", "retry_notification_new_status_interval"): 60,
    ("DEFAULT", "check_expired_notifications_interval"): 600,
    ("DEFAULT", "notifications_expired_interval"): 86400,
    ("host_failure", "evacuate_all_instances"): True,
    ("host_failure", "ha_enabled_instance_metadata_key"): "HA_Enabled",
    ("host_failure", "ignore_instances_in_error_state"): False,
    ("host_failure", "force_down"): False,
    ("host_failure", "evacuation_attempts"): 5,
    ("host_failure", "evacuation_retry_interval"): 60,
    ("coordination", "backend_url"): None,
    ("coordination", "lease_time"): 30,
    ("database", "connection"): "sqlite:////var/lib/masakari/masakari.sqlite",
    ("nova", "service_type"): "compute",
    ("nova", "timeout"): 60,
    ("nova", "insecure"): False,
    ("DEFAULT", "os_privileged_user_name"): None,
    ("DEFAULT", "os_region_name"): None,
    ("DEFAULT", "nova_ca_certificates_file"): None,
    ("DEFAULT", "nova_api_insecure"): False,
}

TOO_SMALL = [
    ("DEFAULT", "host_failure_recovery_threads", "0"),
    ("DEFAULT", "wait_period_after_service_update", "-1"),
    ("DEFAULT", "wait_period_after_evacuation", "0"),
    ("DEFAULT", "verify_interval", "0"),
    ("DEFAULT", "wait_period_after_power_off", "0"),
    ("DEFAULT", "wait_period_after_power_on", "0"),
    ("DEFAULT", "duplicate_notification_detection_interval", "-1"),
    ("DEFAULT", "process_unfinished_notifications_interval", "0"),
    ("DEFAULT", "retry_notification_new_status_interval", "-1"),
    ("DEFAULT", "check_expired_notifications_interval", "0"),
    ("DEFAULT", "notifications_expired_interval", "0"),
    ("host_failure", "evacuation_attempts", "0"),
    ("host_failure", "evacuation_retry_interval", "-1"),
    ("coordination", "lease_time", "1"),
    ("nova", "retry_period", "-1"),
    ("nova", "late_request_period", "0"),
]
WRONG = [
    ("DEFAULT", "host_failure_recovery_threads", "many"),
    ("DEFAULT", "verify_interval", "soon"),
    ("DEFAULT", "nova_catalog_admin_info", "compute"),
    ("DEFAULT", "nova_catalog_admin_info", "compute:nova:privateURL"),
    ("DEFAULT", "nova_catalog_admin_info", ":nova:publicURL"),
    ("DEFAULT", "os_privileged_user_auth_url", "ftp://keystone.example.org"),
    ("DEFAULT", "os_privileged_user_auth_url", "keystone"),
    ("DEFAULT", "nova_api_insecure", "perhaps"),
    ("host_failure", "evacuate_all_instances", "some"),
    ("host_failure", "force_down", "2"),
    ("host_failure", "service_disable_reason", "x" * 256),
    ("host_failure", "evacuation_attempts", "2.5"),
    ("coordination", "lease_time", "short"),
]
MUTABLE = {
    "host_failure_recovery_threads",
    "wait_period_after_service_update",
    "wait_period_after_evacuation",
    "verify_interval",
    "wait_period_after_power_off",
    "wait_period_after_power_on",
    "evacuation_attempts",
    "evacuation_retry_interval",
}
# these count something else than seconds
COUNTS = {"host_failure_recovery_threads", "evacuation_attempts"}


@pytest.fixture
def load(tmp_path):
    """Make a configuration of a file with one option set: load("nova", "timeout", "5")."""

    def make(group="DEFAULT", name=None, value=None):
        path = tmp_path / "masakari.conf"
        path.write_text(f"[{group}]\n{name} = {value}\n" if name else "")
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
        return conf

    return make


def listed():
    return [(group, opt) for group, opts in options.list_opts() for opt in opts]


def names(entries):
    return sorted((group, opt.dest) for group, opt in entries)


@pytest.mark.parametrize(("place", "value"), DEFAULTS.items(), ids=[name for _group, name in DEFAULTS])
def test_defaults(load, place, value):
    group, name = place
    conf = load()
    found = conf[name] if group == "DEFAULT" else conf[group][name]
    assert found == value
    assert type(found) is type(value) or isinstance(found, float)


@pytest.mark.parametrize(("group", "name", "value"), TOO_SMALL + WRONG)
def test_a_wrong_value_is_refused_by_the_options_name(load, group, name, value):
    conf = load(group, name, value)
    with pytest.raises((cfg.ConfigFileValueError, ValueError), match=name):
        conf[name] if group == "DEFAULT" else conf[group][name]


@pytest.mark.parametrize(("group", "name", "value"), TOO_SMALL + WRONG)
def test_the_check_at_start_names_it_too(load, group, name, value):
    with pytest.raises(exceptions.ConfigurationError, match=rf"^\[{group}\] {name}: "):
        options.check(load(group, name, value))


def test_the_check_at_start_accepts_what_is_right(load):
    options.check(load())
    options.check(load("DEFAULT", "verify_interval", "0.5"))


@pytest.mark.parametrize(("group", "name", "value"), TOO_SMALL)
def test_the_smallest_value_is_accepted(load, group, name, value):
    smallest = {"verify_interval": 0.01}.get(name, int(value) + 1)
    conf = load(group, name, str(smallest))
    assert (conf[name] if group == "DEFAULT" else conf[group][name]) == smallest


def test_every_option_has_help():
    for group, opt in listed():
        assert opt.help, f"[{group}] {opt.name}"
        # keystoneauth's own are short
        assert group == "nova" or len(opt.help.split()) > 2, opt.name


def test_every_option_of_ours_with_a_unit_names_it():
    for group, opt in listed():
        if group != "nova" and isinstance(opt, cfg.IntOpt | cfg.FloatOpt) and opt.name not in COUNTS:
            assert "second" in opt.help.lower(), opt.name


def test_passwords_are_secret():
    secrets = {opt.dest for _group, opt in listed() if opt.secret}
    assert {"os_privileged_user_password", "password", "backend_url"} <= secrets
    assert not {opt.dest for _group, opt in listed() if "password" in opt.dest} - secrets


def test_what_a_running_engine_can_reread():
    mutable = {opt.dest for _group, opt in listed() if opt.mutable}
    assert mutable >= MUTABLE
    assert not mutable & {"host", "masakari_topic", "state_path", "os_privileged_user_name"}
    assert not mutable & {"backend_url", "lease_time"}  # all engines must have the same


def test_list_opts_has_every_registered_option():
    conf = cfg.ConfigOpts()
    for module in options._MODULES:
        module.register_opts(conf)
    own = {"config_file", "config_dir", "config_source", "shell_completion"}
    registered = [("DEFAULT", entry["opt"]) for name, entry in conf._opts.items() if name not in own]
    for group in conf._groups.values():
        registered += [(group.name, entry["opt"]) for entry in group._opts.values()]
    assert set(names(registered)) <= set(names(listed()))
    assert len(names(listed())) == len(set(names(listed()))), "an option is listed twice"


def test_listing_and_registering_twice_changes_nothing():
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    options.register_opts(conf)
    assert names(listed()) == names(listed())


def test_importing_registers_nothing():
    code = (
        "from oslo_config import cfg; import masakari_lite.conf; "
        "assert not [name for name in cfg.CONF._opts if 'masakari' in name or 'wait_' in name]"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def generate():
    conf = cfg.ConfigOpts()
    generator.register_cli_opts(conf)
    conf(["--namespace", "masakari_lite"], project="generator", default_config_files=[])
    sample = io.StringIO()
    generator.generate(conf, sample)
    return sample.getvalue()


def test_the_sample_file_has_every_option():
    sample = generate()
    for group, opt in listed():
        assert f"[{group}]" in sample
        assert f"#{opt.dest} = " in sample, opt.name


def test_the_sample_file_holds_no_name_of_the_machine_that_made_it():
    assert "#host = <the machine's host name>" in generate()


def test_a_sample_with_every_line_active_can_be_read(tmp_path):
    lines = []
    for line in generate().splitlines():
        is_option = line.startswith("#") and " = " in line and not line.startswith(("# ", "#host ="))
        has_value = "<None>" not in line and "<" not in line
        lines.append(line[1:] if is_option and has_value else line)
    path = tmp_path / "masakari.conf"
    path.write_text("\n".join(lines))
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
    for _group, opt in listed():
        if opt.dest in conf:
            assert conf[opt.dest] == opt.default, opt.dest
