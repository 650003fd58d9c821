"""The one Keystone session for all calls to Nova: one token, reused, renewed when it expires."""

import dataclasses
import re

import requests
from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import loading
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import generic
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.compute import times, transport
from masakari_lite.conf import nova as nova_conf

_INTERFACES = ("internal", "public")
# kept open at most: one a green thread that talks to Nova; more come and go
_CONNECTIONS = 100
# as Keystone makes them
_DOMAIN_ID = re.compile(r"[0-9a-f]{32}")


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where in Keystone's catalog Nova is; ``override`` is its URL when the catalog is not asked."""

    service_type: str
    service_name: str | None
    interface: str | list[str]
    region_name: str | None
    override: str | None = None


def build_session(conf: cfg.ConfigOpts) -> ks_session.Session:
    """Build the session that all calls share.

    :raises ConfigurationError: when neither [nova] nor Masakari's older options say how to authenticate
    """
    group = conf[nova_conf.GROUP]
    auth = _load_auth(conf)
    times.follow_keystone(auth)
    http = requests.Session()
    for scheme in ("http://", "https://"):
        http.mount(
            scheme, transport.GuardedAdapter(conf.coordination.lease_time / 5, pool_maxsize=_CONNECTIONS)
        )
    verify: bool | str = group.cafile or conf.nova_ca_certificates_file or True
    if group.insecure or (not _has_auth(conf) and conf.nova_api_insecure):
        verify = False
    session = loading.load_session_from_conf_options(
        conf, nova_conf.GROUP, auth=auth, session=http, user_agent="masakari-lite"
    )
    session.verify = verify
    return session


def is_for_system(session: ks_session.Session) -> bool:
    """Return whether the session's token is for the system, and for no project."""
    return bool(session.auth.get_access(session).system_scoped)


def find_endpoint(conf: cfg.ConfigOpts) -> Endpoint:
    """Return where Nova is, by [nova] or by Masakari's older options."""
    group = conf[nova_conf.GROUP]
    region = group.region_name or conf.os_region_name
    if _has_auth(conf):
        return Endpoint(
            group.service_type,
            group.service_name,
            group.valid_interfaces or list(_INTERFACES),  # filled by its older name, interface, too
            region,
            group.endpoint_override,
        )
    service_type, _name, endpoint_type = (part.strip() for part in conf.nova_catalog_admin_info.split(":"))
    # Masakari never used the name, so that what deployment tools write there need not be in the catalog
    return Endpoint(service_type, None, endpoint_type.removesuffix("URL"), region, group.endpoint_override)


def _has_auth(conf: cfg.ConfigOpts) -> bool:
    return bool(conf[nova_conf.GROUP].auth_type or conf[nova_conf.GROUP].auth_section)


def _load_auth(conf: cfg.ConfigOpts) -> object:
    if _has_auth(conf):
        try:
            return _load_plugin(conf)
        except (ks_exceptions.NoMatchingPlugin, ks_exceptions.OptionError) as error:
            raise exceptions.ConfigurationError(f"[nova]: {error}") from error
    if not conf.os_privileged_user_name:
        raise exceptions.ConfigurationError(
            "[nova] auth_type is not set: tell the engine how to authenticate with Keystone, e.g. "
            "auth_type = password with auth_url, username, password, project_name, user_domain_name and "
            "project_domain_name"
        )
    for name in ("os_privileged_user_auth_url", "os_privileged_user_password"):
        if not conf[name]:
            raise exceptions.ConfigurationError(f"{name} must be set together with os_privileged_user_name")
    return generic.Password(
        auth_url=conf.os_privileged_user_auth_url,
        username=conf.os_privileged_user_name,
        password=conf.os_privileged_user_password,
        **_name_domain("user", conf.os_user_domain_name),
        **_find_scope(conf),
    )


def _load_plugin(conf: cfg.ConfigOpts) -> object:
    """Load what ``auth_type`` names; an option that is empty is one that is not set."""
    group = conf[nova_conf.GROUP].auth_section or nova_conf.GROUP
    loading.register_auth_conf_options(conf, group)
    if not conf[group].auth_type:
        raise exceptions.ConfigurationError(
            f"[{group}] auth_type is not set, which [nova] auth_section names"
        )
    loader = loading.get_plugin_loader(conf[group].auth_type)
    conf.register_opts(loading.get_auth_plugin_conf_options(loader), group)
    return loader.load_from_options_getter(lambda opt: conf[group][opt.dest] or None)


def _find_scope(conf: cfg.ConfigOpts) -> dict[str, str]:
    if conf.os_privileged_user_tenant:
        domain = _name_domain("project", conf.os_project_domain_name)
        return {"project_name": conf.os_privileged_user_tenant, **domain}
    if conf.os_system_scope:
        return {"system_scope": conf.os_system_scope}
    raise exceptions.ConfigurationError(
        "os_privileged_user_tenant must be set together with os_privileged_user_name (or os_system_scope)"
    )


def _name_domain(whose: str, name: str) -> dict[str, str]:
    """Return whether a domain is given by its id, as some deployment tools do, or by its name.

    Masakari's default, "default", is the id of the domain that is named "Default".
    """
    is_id = name == "default" or _DOMAIN_ID.fullmatch(name)
    return {f"{whose}_domain_id" if is_id else f"{whose}_domain_name": name}
