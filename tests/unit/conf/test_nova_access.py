"""How Nova is reached: by [nova], or by Masakari's older options."""

import pytest
from keystoneauth1.identity import generic
from oslo_config import cfg

from masakari_lite import conf as options
from masakari_lite import exceptions
from masakari_lite.compute import session
from masakari_lite.compute.nova import NovaAPI
from masakari_lite_simulator import Simulator

LEGACY = {
    "os_privileged_user_name": "masakari",
    "os_privileged_user_password": "masakari",
    "os_privileged_user_tenant": "service",
    "os_privileged_user_auth_url": "http://keystone.example.org/v3",
}
ID = "0123456789abcdef0123456789abcdef"
PASSWORD = {
    "auth_type": "password",
    "auth_url": "http://keystone.example.org/v3",
    "username": "masakari",
    "password": "masakari",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


@pytest.fixture
def load(tmp_path):
    """Make a configuration: load({options of [DEFAULT]}, {options of [nova]})."""

    def make(default=None, nova=None):
        lines = ["[DEFAULT]", *(f"{name} = {value}" for name, value in (default or {}).items())]
        lines += ["[nova]", *(f"{name} = {value}" for name, value in (nova or {}).items())]
        path = tmp_path / "masakari.conf"
        path.write_text("\n".join(lines))
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
        return conf

    return make


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as running:
        running.cloud.add_host("compute-1")
        yield running


def reaches_nova(conf):
    nova = NovaAPI(conf)
    try:
        return nova.services.get("compute-1").is_up
    finally:
        nova.client._session.session.close()


def build(conf):
    return session.build_session(conf)


class TestByNova:
    def test_a_password(self, load, simulator):
        assert reaches_nova(load(nova=PASSWORD | {"auth_url": simulator.auth_url}))

    @pytest.mark.parametrize("auth_type", ["v3password", "v3applicationcredential"])
    def test_other_auth_types(self, load, simulator, auth_type):
        access = PASSWORD
        if auth_type == "v3applicationcredential":
            uuid, secret, _user = simulator.cloud.identity.credentials["masakari"]
            access = {"application_credential_id": uuid, "application_credential_secret": secret}
        access = access | {"auth_type": auth_type, "auth_url": simulator.auth_url}
        assert reaches_nova(load(nova=access))

    def test_where_nova_is(self, load):
        conf = load(
            nova=PASSWORD
            | {
                "region_name": "North",
                "valid_interfaces": "admin,public",
                "service_type": "compute2",
                "service_name": "nova2",
                "endpoint_override": "http://nova.example.org",
            }
        )
        assert session.find_endpoint(conf) == session.Endpoint(
            "compute2", "nova2", ["admin", "public"], "North", "http://nova.example.org"
        )

    def test_where_nova_is_by_default(self, load):
        found = session.find_endpoint(load(nova=PASSWORD))
        assert found == session.Endpoint("compute", None, ["internal", "public"], None, None)

    def test_an_endpoint_that_overrides_the_catalog(self, load, simulator):
        access = PASSWORD | {"auth_url": simulator.auth_url, "region_name": "Nowhere"}
        assert reaches_nova(load(nova=access | {"endpoint_override": simulator.compute_url}))

    def test_tls(self, load):
        assert build(load(nova=PASSWORD)).verify is True
        assert build(load(nova=PASSWORD | {"insecure": "true"})).verify is False
        found = build(
            load(nova=PASSWORD | {"cafile": "/ca.pem", "certfile": "/cert.pem", "keyfile": "/key.pem"})
        )
        assert (found.verify, found.cert) == ("/ca.pem", ("/cert.pem", "/key.pem"))
        assert build(load(nova=PASSWORD | {"certfile": "/both.pem"})).cert == "/both.pem"

    def test_no_request_without_a_time_limit(self, load):
        assert build(load(nova=PASSWORD)).timeout == 60
        assert build(load(nova=PASSWORD | {"timeout": "5"})).timeout == 5

    def test_the_older_options_do_not_interfere(self, load):
        older = LEGACY | {
            "os_privileged_user_name": "somebody-else",
            "nova_catalog_admin_info": "other:older:adminURL",
            "os_region_name": "South",
            "nova_ca_certificates_file": "/older.pem",
            "nova_api_insecure": "true",
        }
        conf = load(older, PASSWORD | {"region_name": "North", "cafile": "/ca.pem"})
        built = build(conf)
        assert built.verify == "/ca.pem"
        assert built.auth._username == "masakari"
        assert session.find_endpoint(conf) == session.Endpoint(
            "compute", None, ["internal", "public"], "North"
        )

    def test_region_and_ca_of_old_fill_a_gap(self, load):
        # as their help texts say
        conf = load({"os_region_name": "South", "nova_ca_certificates_file": "/older.pem"}, PASSWORD)
        assert session.find_endpoint(conf).region_name == "South"
        assert build(conf).verify == "/older.pem"

    @pytest.mark.parametrize(
        ("access", "named"),
        [
            ({"auth_type": "passwort"}, "passwort"),
            ({"auth_type": "password"}, "auth[_-]url"),
            ({"auth_type": "v3applicationcredential", "auth_url": "http://k/v3"}, "application.credential"),
        ],
    )
    def test_what_cannot_work_is_refused_by_name(self, load, access, named):
        with pytest.raises(exceptions.ConfigurationError, match=rf"\[nova\].*{named}"):
            NovaAPI(load(nova=access))


class TestByTheOlderOptions:
    def test_they_suffice(self, load, simulator):
        older = LEGACY | {
            "os_privileged_user_auth_url": simulator.auth_url,
            "os_region_name": "RegionOne",
        }
        assert reaches_nova(load(older))

    def test_whose_they_are(self, load):
        auth = build(load(LEGACY | {"os_user_domain_name": "people", "os_project_domain_name": "work"})).auth
        assert isinstance(auth, generic.Password)
        assert (auth._username, auth._password, auth._user_domain_name) == ("masakari", "masakari", "people")
        assert (auth._project_name, auth._project_domain_name) == ("service", "work")
        assert auth.auth_url == LEGACY["os_privileged_user_auth_url"]

    @pytest.mark.parametrize(
        ("info", "wanted"),
        [
            ("compute:nova:publicURL", ("compute", None, "public")),
            ("compute:Compute Service:internalURL", ("compute", None, "internal")),
            (" compute : nova : internalURL", ("compute", None, "internal")),
            ("compute::admin", ("compute", None, "admin")),
        ],
    )
    def test_where_nova_is(self, load, info, wanted):
        found = session.find_endpoint(
            load(LEGACY | {"nova_catalog_admin_info": info, "os_region_name": "South"})
        )
        assert found == session.Endpoint(*wanted, "South")

    def test_tls(self, load):
        assert build(load(LEGACY)).verify is True
        assert build(load(LEGACY | {"nova_ca_certificates_file": "/older.pem"})).verify == "/older.pem"
        assert build(load(LEGACY | {"nova_api_insecure": "true"})).verify is False

    @pytest.mark.parametrize("name", ["nova", "Compute Service", "no such service", ""])
    def test_the_services_name_need_not_be_in_the_catalog(self, load, simulator, name):
        """OpenStack-Ansible writes one that is not."""
        older = LEGACY | {
            "os_privileged_user_auth_url": simulator.auth_url,
            "nova_catalog_admin_info": f"compute:{name}:publicURL",
        }
        assert reaches_nova(load(older))

    def test_an_endpoint_that_is_missing_is_told_with_what_there_is(self, load, simulator):
        older = LEGACY | {"os_privileged_user_auth_url": simulator.auth_url, "os_region_name": "South"}
        with pytest.raises(
            exceptions.NovaError,
            match=r"no public endpoint of a service of type 'compute' in region 'South'.*os_region_name.*"
            r"it has: compute \(admin, region RegionOne\), ",
        ):
            NovaAPI(load(older)).client.negotiate()

    @pytest.mark.parametrize("domain", ["default", "Default", ID])
    def test_a_domain_by_its_id_or_by_its_name(self, load, simulator, domain):
        """Kolla-Ansible writes the id where Masakari wants the name."""
        simulator.cloud.options.domain_id = ID if domain == ID else "default"
        older = LEGACY | {
            "os_privileged_user_auth_url": simulator.auth_url,
            "os_user_domain_name": domain,
            "os_project_domain_name": domain,
        }
        assert reaches_nova(load(older))
        simulator.cloud.options.domain_id = "default"

    def test_a_domain_that_is_not_there(self, load, simulator):
        older = LEGACY | {"os_privileged_user_auth_url": simulator.auth_url, "os_user_domain_name": "people"}
        with pytest.raises(exceptions.NovaForbidden, match="credentials"):
            NovaAPI(load(older)).client.negotiate()

    def test_a_token_for_the_system(self, load, simulator):
        simulator.cloud.options.enforce_scope = False
        older = {name: value for name, value in LEGACY.items() if name != "os_privileged_user_tenant"}
        older |= {"os_privileged_user_auth_url": simulator.auth_url, "os_system_scope": "all"}
        assert reaches_nova(load(older))
        simulator.cloud.options.enforce_scope = True
        with pytest.raises(
            exceptions.NovaForbidden, match=r"os-services:list.*the token is for the system.*enforce_scope"
        ):
            NovaAPI(load(older)).check()

    def test_a_token_for_a_project_where_both_are_set(self, load, simulator):
        older = LEGACY | {"os_privileged_user_auth_url": simulator.auth_url, "os_system_scope": "all"}
        assert reaches_nova(load(older))

    @pytest.mark.parametrize("name", sorted(set(LEGACY) - {"os_privileged_user_name"}))
    def test_one_that_is_missing_is_named(self, load, name):
        older = {key: value for key, value in LEGACY.items() if key != name}
        with pytest.raises(exceptions.ConfigurationError, match=f"{name} must be set"):
            NovaAPI(load(older))

    def test_neither_way(self, load):
        with pytest.raises(exceptions.ConfigurationError, match=r"\[nova\] auth_type is not set.*username"):
            NovaAPI(load())
